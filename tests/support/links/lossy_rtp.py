"""A peer that sends RTP over a lossy link to an `RtpStreamReceiver`, in virtual time, by a seed."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from peer.rtp.formats import format_of
from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.stream_receiver import RtpStreamReceiver
from peer.rtp.rtcp import FullIntraRequest, Nack, PictureLossIndication
from peer.rtp_parameters import Codec, Feedback, MediaKind, ReceiveParameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.rtcp import RtcpPacket

VP8 = Codec(
    kind=MediaKind.VIDEO,
    name="VP8",
    payload_type=96,
    clock_rate=90_000,
    feedback=(Feedback("nack"), Feedback("nack", "pli"), Feedback("ccm", "fir")),
)
RTX = Codec(
    kind=MediaKind.VIDEO,
    name="rtx",
    payload_type=97,
    clock_rate=90_000,
    parameters=(("apt", "96"),),
)
OPUS = Codec(kind=MediaKind.AUDIO, name="opus", payload_type=111, clock_rate=48_000, channels=2)
RED = Codec(
    kind=MediaKind.AUDIO,
    name="red",
    payload_type=63,
    clock_rate=48_000,
    channels=2,
    parameters=(("111/111", None),),
)
TONES = Codec(kind=MediaKind.AUDIO, name="telephone-event", payload_type=126, clock_rate=48_000)
MEDIA_SSRC = 0x1111
RTX_SSRC = 0x2222
RTCP_SSRC = 0x7777


def vp8_frame(size: int = 3000, *, keyframe: bool = False) -> bytes:
    """A payload with the header of a VP8 frame of 640x480, which no decoder takes."""
    head = b"\x10\x00\x00\x9d\x01\x2a\x80\x02\xe0\x01" if keyframe else b"\x11\x00\x00"
    return head + bytes(max(0, size - len(head)))


def parameters(*codecs: Codec, mid: str = "0") -> ReceiveParameters:
    return ReceiveParameters(mid=mid, codecs=codecs, extensions=())


@dataclass
class Link:
    """A link with loss, delay and jitter, in both directions.

    Args:
        loss: Share of the packets that are lost, 0 to 1.
        delay: One-way delay, in seconds.
        jitter: Seconds added at random, so that packets overtake each other.
        ordered: True where no packet overtakes another all the same.
        down: Begin and end of an outage.
    """

    loss: float = 0.0
    delay: float = 0.02
    jitter: float = 0.0
    ordered: bool = False
    down: tuple[float, float] = (0.0, 0.0)


@dataclass
class Scene:
    """A sender, a link that may change, and an `RtpStreamReceiver`; `run` lets time pass.

    Sound is `played` where somebody listens to it, and else recorded or relayed.
    """

    kind: MediaKind
    seed: int = 1
    codecs: tuple[Codec, ...] = ()
    link: Link = field(default_factory=Link)
    interval: float = 0.0
    size: int = 3000
    keyframe_apart: float = 0.5
    now: float = 100.0
    played: bool = False

    def __post_init__(self) -> None:
        audio = self.kind is MediaKind.AUDIO
        self.codecs = self.codecs or ((OPUS,) if audio else (VP8, RTX))
        self.interval = self.interval or (0.02 if audio else 1 / 30)
        self.random = random.Random(self.seed)
        self.frames: list[EncodedFrame] = []
        self.given: list[float] = []
        self.feedback: list[tuple[float, RtcpPacket]] = []
        self.sent_frames = 0
        self.sent_packets = 0
        self.keyframes_sent: list[float] = []
        self.stream_receiver = RtpStreamReceiver(
            self.kind,
            on_frame=self._on_frame,
            on_feedback=self._on_feedback,
            is_played=lambda: self.played,
        )
        self.stream_receiver.configure(parameters(*self.codecs), RTCP_SSRC)
        self._format = format_of(self.codecs[0])
        self._rtx = any(codec.is_rtx for codec in self.codecs)
        self._sequence = 65_000
        self._rtx_sequence = 0
        self._history: dict[int, RtpPacket] = {}
        self._want_keyframe = True
        self._last_keyframe = -100.0
        self._next_frame = self.now
        self._begun = self.now
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._last_arrival = {True: 0.0, False: 0.0}

    def run(self, seconds: float) -> None:
        """Let seconds pass in virtual time."""
        end = self.now + seconds
        while True:
            at = self._next_frame
            due = self.stream_receiver.deadline
            if due is not None:
                at = min(at, max(due, self.now))
            if self._events:
                at = min(at, self._events[0][0])
            if at > end:
                break
            self.now = at
            if self._events and self._events[0][0] <= at:
                heapq.heappop(self._events)[2]()
            elif due is not None and due <= at:
                self.stream_receiver.advance(at)
                assert self.stream_receiver.deadline is None or self.stream_receiver.deadline > at
            else:
                self._send_frame()
        self.now = end

    def sent(self, kind: type) -> list[float]:
        """Times at which RTCP of a type was sent."""
        return [at for at, packet in self.feedback if isinstance(packet, kind)]

    def _send_frame(self) -> None:
        self._next_frame += self.interval
        keyframe = self._want_keyframe and self.now - self._last_keyframe >= self.keyframe_apart
        if self.kind is MediaKind.AUDIO:
            # Of CELT alone, if it is Opus: no packet has a copy of another.
            payloads = [b"\xfc" + self.random.randbytes(79)]
        else:
            size = self.size * 3 if keyframe else self.size
            payloads = self._format.packetize(
                vp8_frame(size, keyframe=keyframe), keyframe=keyframe, limit=1200
            )
        if keyframe:
            self._want_keyframe = False
            self._last_keyframe = self.now
            self.keyframes_sent.append(self.now)
        timestamp = round((self.now - self._begun) * self.codecs[0].clock_rate) + 2**32 - 90_000
        for index, payload in enumerate(payloads):
            packet = RtpPacket(
                payload_type=self.codecs[0].payload_type,
                sequence_number=self._sequence,
                timestamp=timestamp % 2**32,
                ssrc=MEDIA_SSRC,
                payload=payload,
                marker=index == len(payloads) - 1,
            )
            self._history[self._sequence] = packet
            self._history.pop((self._sequence - 600) % 65536, None)
            self._sequence = (self._sequence + 1) % 65536
            self.sent_packets += 1
            self._carry(packet)
        self.sent_frames += 1

    def _carry(self, packet: RtpPacket) -> None:
        self._pass(lambda: self.stream_receiver.receive(packet, {}, self.now), forward=True)

    def _pass(self, deliver: Callable[[], None], *, forward: bool) -> None:
        link = self.link
        down, up = link.down
        lost = self.random.random() < link.loss
        at = self.now + link.delay + self.random.random() * link.jitter
        if lost or down <= self.now < up:
            return
        if link.ordered:
            at = self._last_arrival[forward] = max(at, self._last_arrival[forward])
        self._count += 1
        heapq.heappush(self._events, (at, self._count, deliver))

    def _on_frame(self, frame: EncodedFrame) -> None:
        self.frames.append(frame)
        self.given.append(self.now)

    def _on_feedback(self, packets: tuple[RtcpPacket, ...]) -> None:
        for packet in packets:
            self.feedback.append((self.now, packet))
            self._pass(partial(self._answer, packet), forward=False)

    def _answer(self, packet: RtcpPacket) -> None:
        match packet:
            case Nack(lost=lost):
                for number in lost:
                    if (wanted := self._history.get(number)) is not None:
                        self._carry(self._retransmission(wanted))
            case PictureLossIndication() | FullIntraRequest():
                self._want_keyframe = True
            case _:
                pass

    def _retransmission(self, packet: RtpPacket) -> RtpPacket:
        if not self._rtx:
            return packet
        self._rtx_sequence = (self._rtx_sequence + 1) % 65536
        return RtpPacket(
            payload_type=RTX.payload_type,
            sequence_number=self._rtx_sequence,
            timestamp=packet.timestamp,
            ssrc=RTX_SSRC,
            payload=packet.sequence_number.to_bytes(2, "big") + packet.payload,
            marker=packet.marker,
        )


def stall(scene: Scene, since: float, until: float) -> float:
    """The longest time without a frame, in seconds."""
    times = [since, *(at for at in scene.given if since < at < until), until]
    return max(later - earlier for earlier, later in pairwise(times))
