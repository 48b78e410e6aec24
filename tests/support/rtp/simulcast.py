"""Owns a sender of several encodings of one picture, against the clock of the test."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peer.rtp.packet import RID, RtpPacket
from peer.rtp.receiving.stream_receiver import RtpStreamReceiver
from peer.rtp.rtcp import Nack, PictureLossIndication, RtcpPacket, SenderReport, to_ntp
from peer.rtp_parameters import Codec, HeaderExtension, MediaKind, ReceiveParameters
from peer.times import UnixTime
from tests.support.rtp.media_packets import VP8

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from peer.rtp.encoded_frame import EncodedFrame

RID_ID = 10
RTCP_SSRC = 9
#: Capture time of the first picture, by the sender's clock.
WALL = 1_700_000_000.0
#: Seconds between two looks of the receiver at the time.
_TICK = 0.005


@dataclass(slots=True)
class Encoding:
    """One encoding as it is sent.

    Args:
        rid: Its RID.
        ssrc: Its SSRC.
        width: Of its pictures; they are half as high.
        packets: Of each picture.
        is_on: Whether it is sent.
        passes: Whether a packet arrives, by its sequence number.
        says_rid: Whether its packets have the RID.

    Attributes:
        keyframes: Times at which key frames were sent.
    """

    rid: str
    ssrc: int
    width: int
    packets: int = 1
    is_on: bool = True
    passes: Callable[[int], bool] = lambda _: True
    says_rid: bool = True
    keyframes: list[float] = field(default_factory=list)
    asked: bool = True
    number: int = 0


class SimulcastCall:
    """Sends encodings to an `RtpStreamReceiver`, answers its requests and keeps its frames.

    Args:
        encodings: In the order in which each picture is sent.
        rate: Pictures a second.
        parameters: What is agreed; by default the RIDs of the encodings.

    Attributes:
        frames: What was given, with its time.
        plis: Times and SSRCs of requests for key frames.
        nacks: SSRCs of requests for packets.
    """

    def __init__(
        self,
        *encodings: Encoding,
        rate: float = 30.0,
        codec: Codec = VP8,
        parameters: ReceiveParameters | None = None,
    ) -> None:
        self.encodings = {each.ssrc: each for each in encodings}
        self.now = 1000.0
        self.frames: list[tuple[float, EncodedFrame]] = []
        self.plis: list[tuple[float, int]] = []
        self.nacks: list[int] = []
        self.rate = rate
        self.receiver = RtpStreamReceiver(
            MediaKind.VIDEO,
            on_frame=lambda frame: self.frames.append((self.now, frame)),
            on_feedback=self._on_feedback,
        )
        self.receiver.configure(
            parameters
            or ReceiveParameters(
                mid="0",
                codecs=(codec,),
                extensions=(HeaderExtension(RID_ID, RID),),
                rids=tuple(each.rid for each in encodings),
                simulcast=tuple(each.rid for each in encodings),
            ),
            RTCP_SSRC,
        )
        self._begun = self.now
        self._pictures = 0

    def run(self, seconds: float) -> None:
        """Send for so long."""
        end = self.now + seconds
        while self.now < end:
            due = self._begun + self._pictures / self.rate
            if self.now >= due:
                self._send(due)
                self._pictures += 1
            self.receiver.advance(self.now)
            self.now += _TICK

    def report(self) -> None:
        """Send a sender report of each encoding, of one wall clock."""
        for each in self.encodings.values():
            passed = self.now - self._begun
            self.receiver.receive_report(
                SenderReport(
                    ssrc=each.ssrc,
                    ntp_time=to_ntp(UnixTime(WALL + passed)),
                    rtp_timestamp=self._timestamp(each, passed),
                    packet_count=0,
                    octet_count=0,
                    reports=(),
                ),
                self.now,
            )

    def since(self, time: float) -> list[EncodedFrame]:
        """The frames that were given since a time."""
        return [frame for at, frame in self.frames if at >= time]

    def widths(self, since: float = 0.0) -> list[int]:
        """Of the encodings whose frames were given, without repetitions."""
        found: list[int] = []
        for frame in self.since(since):
            width = self.encodings[frame.ssrc].width
            if found[-1:] != [width]:
                found.append(width)
        return found

    @staticmethod
    def _timestamp(each: Encoding, passed: float) -> int:
        # Each stream has an offset of its own (RFC 3550 section 5.1).
        return (each.ssrc * 1_000_003 + round(passed * 90_000)) % 2**32

    def _send(self, due: float) -> None:
        for each in list(self.encodings.values()):
            if not each.is_on:
                each.asked = True
                continue
            for packet in self._packets(each, due):
                if each.passes(packet.sequence_number):
                    elements = {RID_ID: each.rid.encode()} if each.says_rid else {}
                    self.receiver.receive(packet, elements, self.now)

    def _packets(self, each: Encoding, due: float) -> Iterator[RtpPacket]:
        key, each.asked = each.asked, False
        if key:
            each.keyframes.append(self.now)
        height = each.width // 2
        size = each.width.to_bytes(2, "little") + height.to_bytes(2, "little")
        header = bytes((0x10, 0, 0, 0x9D, 0x01, 0x2A)) + size if key else bytes((0x11, 0, 0))
        for index in range(each.packets):
            first = index == 0
            payload = b"\x10" + header + bytes(900) if first else bytes(900)
            yield RtpPacket(
                payload_type=VP8.payload_type,
                marker=index == each.packets - 1,
                sequence_number=each.number,
                timestamp=self._timestamp(each, due - self._begun),
                ssrc=each.ssrc,
                payload=payload,
            )
            each.number = (each.number + 1) % 2**16

    def _on_feedback(self, packets: tuple[RtcpPacket, ...]) -> None:
        for packet in packets:
            match packet:
                case PictureLossIndication():
                    self.plis.append((self.now, packet.media_ssrc))
                    if (asked := self.encodings.get(packet.media_ssrc)) is not None:
                        asked.asked = True
                case Nack():
                    self.nacks.append(packet.media_ssrc)
                case _:
                    raise AssertionError(packet)
