"""RTP packets of video and audio that look real to all but a decoder, and an engine for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from peer.rtp.packet import RtpPacket
from peer.rtp_parameters import Codec, Feedback, HeaderExtension, MediaKind, ReceiveParameters
from tests.support.media.encoded_frames import OPUS

if TYPE_CHECKING:
    from peer.rtp.engine.ports import ReceiverPort, SenderPort
    from peer.rtp.rtcp import RtcpPacket
    from peer.rtp_parameters import SendParameters

VP8 = Codec(
    kind=MediaKind.VIDEO,
    name="VP8",
    payload_type=97,
    clock_rate=90_000,
    feedback=(Feedback("nack"), Feedback("nack", "pli"), Feedback("ccm", "fir")),
)
TONES = Codec(kind=MediaKind.AUDIO, name="telephone-event", payload_type=101, clock_rate=48_000)
LEVEL_ID = 3
LEVELS = HeaderExtension(LEVEL_ID, "urn:ietf:params:rtp-hdrext:ssrc-audio-level")

_KEY = bytes((0x10, 0, 0, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xF0, 0x00))
_DELTA = bytes((0x11, 0, 0))


def receiving(*codecs: Codec, mid: str = "0") -> ReceiveParameters:
    return ReceiveParameters(mid=mid, codecs=codecs, extensions=(LEVELS,))


class VideoPackets:
    """Makes packets of VP8 of 320 by 240, 30 frames a second, with payloads of 1000 bytes."""

    def __init__(self, ssrc: int = 1, *, packets: int = 2) -> None:
        self.ssrc = ssrc
        self.frames = 0
        self._packets = packets
        self._number = 65_530

    def frame(self, *, keyframe: bool = False) -> list[RtpPacket]:
        header = _KEY if keyframe else _DELTA
        payloads = [b"\x10" + header + bytes(1000 - len(header))]
        payloads += [b"\x00" + bytes(1000) for _ in range(self._packets - 1)]
        timestamp = (4_294_960_000 + self.frames * 3000) % 2**32
        self.frames += 1
        return [
            RtpPacket(
                payload_type=VP8.payload_type,
                marker=payload is payloads[-1],
                sequence_number=self._next(),
                timestamp=timestamp,
                ssrc=self.ssrc,
                payload=payload,
            )
            for payload in payloads
        ]

    def lose(self) -> None:
        """Skip a sequence number, as of a packet that is lost."""
        self._next()

    def _next(self) -> int:
        self._number = (self._number + 1) % 2**16
        return self._number


class AudioPackets:
    """Makes packets of Opus, 50 a second."""

    def __init__(self, ssrc: int = 2) -> None:
        self.ssrc = ssrc
        self.packets = 0
        self.timestamp = 4_294_960_000

    def packet(
        self, payload: bytes = b"", *, codec: Codec = OPUS, csrcs: tuple[int, ...] = ()
    ) -> RtpPacket:
        self.packets += 1
        if codec is OPUS:
            self.timestamp = (self.timestamp + 960) % 2**32
        return RtpPacket(
            payload_type=codec.payload_type,
            sequence_number=(65_530 + self.packets) % 2**16,
            timestamp=self.timestamp,
            ssrc=self.ssrc,
            payload=payload or bytes(80),
            csrcs=csrcs,
        )


class FakeEngine:
    """An `EnginePort` that gives packets of the test to its receivers, and keeps their RTCP."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.round_trip_time: float | None = None
        self.sent: list[RtcpPacket] = []
        self.receivers: dict[ReceiverPort, ReceiveParameters] = {}

    def clock(self) -> float:
        return self.now

    def send_rtcp(self, packets: Sequence[RtcpPacket]) -> bool:
        self.sent += packets
        return True

    def add_receiver(self, port: ReceiverPort, parameters: ReceiveParameters) -> None:
        self.receivers[port] = parameters

    def remove_receiver(self, port: ReceiverPort) -> None:
        self.receivers.pop(port, None)

    def add_sender(
        self, port: SenderPort, parameters: SendParameters, ssrcs: tuple[int, ...]
    ) -> None:
        raise NotImplementedError

    def remove_sender(self, port: SenderPort) -> None:
        raise NotImplementedError

    def feed(
        self, packets: Sequence[RtpPacket], elements: Mapping[int, bytes] | None = None
    ) -> None:
        """Let packets arrive, all of them now."""
        for port in tuple(self.receivers):
            for packet in packets:
                port.on_rtp(packet, elements or {}, self.now)

    def receive_rtcp(self, packet: RtcpPacket) -> None:
        """Let an RTCP packet arrive now."""
        for port in tuple(self.receivers):
            port.on_rtcp(packet, self.now)
