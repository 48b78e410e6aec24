"""A receiver's core under packets and calls in any order, by seed; `INPUTS` says how many."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.jitter_buffer import JitterBuffer
from peer.rtp.receiving.stream_receiver import RtpStreamReceiver
from peer.rtp.rtcp import RtcpPacket, SenderReport, write
from peer.rtp_parameters import Codec, Feedback, HeaderExtension, MediaKind, ReceiveParameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoded_frame import EncodedFrame

INPUTS = int(os.environ.get("INPUTS", "2000"))
SEEDS = 8
CODECS = {
    MediaKind.VIDEO: [
        Codec(
            kind=MediaKind.VIDEO,
            name=name,
            payload_type=96 + 2 * index,
            clock_rate=90_000,
            parameters=parameters,
            feedback=(Feedback("nack"), Feedback("nack", "pli")),
        )
        for index, (name, parameters) in enumerate(
            [
                ("VP8", ()),
                ("VP9", ()),
                ("H264", (("packetization-mode", "1"),)),
                ("AV1", ()),
                ("rtx", (("apt", "96"),)),
                ("rtx", (("apt", "nonsense"),)),
            ]
        )
    ],
    MediaKind.AUDIO: [
        Codec(
            kind=MediaKind.AUDIO,
            name=name,
            payload_type=96 + 2 * index,
            clock_rate=rate,
            channels=1,
            feedback=(Feedback("nack"),) if index % 2 else (),
        )
        for index, (name, rate) in enumerate(
            [("opus", 48_000), ("PCMU", 8000), ("telephone-event", 8000), ("rtx", 48_000)]
        )
    ],
}
EXTENSIONS = tuple(
    HeaderExtension(index, uri)
    for index, uri in enumerate(
        [
            "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
        ],
        1,
    )
)
STARTS = (b"", b"\x10", b"\x10\x00\x00\x00\x9d\x01\x2a", b"\x8c", b"\x65", b"\x7c\x85", b"\x18\x0a")


class Peer:
    """Sends whatever comes to mind, mostly with numbers near to those before."""

    def __init__(self, kind: MediaKind, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 1000.0
        self.number = self.random.randrange(65536)
        self.timestamp = self.random.randrange(2**32)
        self.ssrc = 1
        self.parameters = ReceiveParameters(
            mid="0", codecs=tuple(CODECS[kind]), extensions=EXTENSIONS, rtx=((50, 1),)
        )
        self.jitter_buffer = JitterBuffer(limit=32)
        self.stream_receiver = RtpStreamReceiver(
            kind,
            on_frame=self._on_frame,
            on_feedback=self._on_feedback,
            on_event=lambda codec, payload, timestamp: None,
        )
        self.stream_receiver.configure(self.parameters, 7)

        self.calls: list[Callable[[], object]] = [
            self._report,
            self.stream_receiver.pause,
            lambda: self.stream_receiver.advance(self.now),
            lambda: self.stream_receiver.request_keyframe(self.now),
            lambda: [report.write() for report in self.stream_receiver.reports(self.now)],
            lambda: self.stream_receiver.resume(self.now),
            lambda: self.stream_receiver.restart(self.now),
            lambda: self.stream_receiver.goodbye(self.random.choice((self.ssrc, 99))),
            lambda: self.stream_receiver.set_round_trip_time(self.random.random()),
            lambda: self.stream_receiver.configure(self.parameters, self.random.randrange(2**32)),
        ]

    def step(self) -> None:
        rng = self.random
        self.now += rng.choice((0.0, 0.0, 0.001, 0.02, 0.3 * rng.random()))
        if rng.randrange(5):
            self._send()
        else:
            rng.choice(self.calls)()
        stream_receiver = self.stream_receiver
        for _ in range(5):
            due = stream_receiver.deadline
            if due is None or due > self.now:
                break
            stream_receiver.advance(self.now)
        else:
            raise AssertionError("what is due is never done")
        self.jitter_buffer.pop(self.now)

    def _send(self) -> None:
        rng = self.random
        self.number += rng.choice((1, 1, 1, 1, 1, 2, 5, -1, -3, 600, 3500, rng.randrange(65536)))
        self.timestamp += rng.choice((0, 0, 0, 960, 3000, -3000, rng.randrange(2**32)))
        if rng.random() < 0.01:
            self.ssrc = rng.randrange(200)
        payload = rng.choice(STARTS) + rng.randbytes(rng.randrange(20))
        if rng.random() < 0.2:
            payload = ((self.number - rng.randrange(10)) % 65536).to_bytes(2, "big") + payload
        packet = RtpPacket(
            payload_type=96 + rng.choice((0, 0, 0, 0, 0, 2, 4, 6, 8, 10, 11)),
            sequence_number=self.number % 65536,
            timestamp=self.timestamp % 2**32,
            ssrc=rng.choice((self.ssrc, self.ssrc, self.ssrc, 50, 51)),
            payload=payload,
            marker=rng.random() < 0.3,
            csrcs=tuple(rng.sample(range(100), rng.randrange(3))),
        )
        elements = {
            rng.randrange(1, 7): rng.randbytes(rng.choice((0, 1, 3, 8, 16)))
            for _ in range(rng.randrange(3))
        }
        self.stream_receiver.receive(packet, elements, self.now)

    def _report(self) -> None:
        rng = self.random
        self.stream_receiver.receive_report(
            SenderReport(
                ssrc=rng.choice((self.ssrc, rng.randrange(2**32))),
                ntp_time=rng.choice((0, rng.randrange(2**64))),
                rtp_timestamp=rng.randrange(2**32),
                packet_count=0,
                octet_count=0,
            ),
            self.now,
        )

    def _on_frame(self, frame: EncodedFrame) -> None:
        assert frame.payload
        self.jitter_buffer.push(frame, self.now)
        if self.random.random() < 0.02:
            self.stream_receiver.request_keyframe(self.now)
        if self.random.random() < 0.01:
            self.stream_receiver.pause()
            self.stream_receiver.resume(self.now)

    def _on_feedback(self, packets: tuple[RtcpPacket, ...]) -> None:
        assert write(packets)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("kind", list(MediaKind))
def test_no_rtp_packet_of_a_peer_raises_in_the_receiver(kind: MediaKind, seed: int) -> None:
    peer = Peer(kind, seed)
    for _ in range(INPUTS // SEEDS):
        peer.step()
    assert len(peer.stream_receiver.statistics(peer.now)) <= 16
