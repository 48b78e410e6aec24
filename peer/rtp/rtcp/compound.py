"""RTCP compound packets, the RTCP of one datagram, and the reports that they begin with.

RFC 3550 sections 6.1, 6.4.1 and 6.4.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Self, TypeAlias

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp.description import Goodbye, SourceDescription
from peer.rtp.rtcp.feedback import FullIntraRequest, Nack, PictureLossIndication
from peer.rtp.rtcp.header import (
    COUNT,
    HEADER,
    PADDING,
    VERSION,
    VERSION_MASK,
    PacketType,
    PayloadFeedbackType,
    TransportFeedbackType,
    UnknownPacket,
    pack_packet,
)
from peer.rtp.rtcp.remb import ReceiverEstimatedMaximumBitrate, is_remb
from peer.rtp.rtcp.transport_feedback import TransportFeedback
from peer.values import dataclass

#: Report blocks that one packet has room for: five bits (RFC 3550 section 6.4.1).
REPORTS_LIMIT = 31

_SSRC = Struct("!I")
_SENDER = Struct("!IQIII")
_REPORT = Struct("!IIIIII")
#: The cumulative number of packets lost is below this: 24 bits with sign (RFC 3550 section 6.4.1).
_LOST_LIMIT = 1 << 23


@dataclass(frozen=True, slots=True)
class ReceptionReport:
    """A report block tells how one stream is received (RFC 3550 section 6.4.1).

    Args:
        ssrc: SSRC of the stream.
        fraction_lost: Packets lost since the report before, in 256ths: 0 to 255.
        cumulative_lost: Packets lost since the beginning; below zero where duplicates outnumber
            losses. A value beyond 24 bits is written as the nearest one that fits.
        highest_sequence: Extended highest sequence number received, 32 bits.
        jitter: Interarrival jitter in ticks of the stream's clock.
        last_sr: LSR: compact NTP time of the last sender report; 0 before one.
        delay_since_last_sr: DLSR: time since that report arrived, in units of 1/65536 s.
    """

    ssrc: int
    fraction_lost: int
    cumulative_lost: int
    highest_sequence: int
    jitter: int
    last_sr: int = 0
    delay_since_last_sr: int = 0

    @classmethod
    def parse(cls, body: bytes, at: int) -> Self:
        """Parse the 24 octets at an offset."""
        ssrc, lost, highest, jitter, last_sr, delay = _REPORT.unpack_from(body, at)
        cumulative = lost & 0xFFFFFF
        if cumulative >= _LOST_LIMIT:
            cumulative -= 2 * _LOST_LIMIT
        return cls(ssrc, lost >> 24, cumulative, highest, jitter, last_sr, delay)

    def write(self) -> bytes:
        """Write the 24 octets of the block."""
        cumulative = max(-_LOST_LIMIT, min(self.cumulative_lost, _LOST_LIMIT - 1))
        return _REPORT.pack(
            self.ssrc,
            self.fraction_lost << 24 | cumulative & 0xFFFFFF,
            self.highest_sequence,
            self.jitter,
            self.last_sr,
            self.delay_since_last_sr,
        )


@dataclass(frozen=True, slots=True)
class SenderReport:
    """A sender report (SR) relates the clocks of a stream and counts its packets.

    Args:
        ssrc: SSRC of the stream.
        ntp_time: Time of the report as a 64-bit NTP timestamp.
        rtp_timestamp: Time of the report on the stream's RTP clock, 32 bits.
        packet_count: Packets sent so far, modulo 2**32.
        octet_count: Octets of payload sent so far, modulo 2**32.
        reports: Report blocks, at most 31.
    """

    ssrc: int
    ntp_time: int
    rtp_timestamp: int
    packet_count: int
    octet_count: int
    reports: tuple[ReceptionReport, ...] = ()

    @classmethod
    def parse(cls, count: int, body: bytes) -> Self:
        """Parse the octets after the header."""
        if len(body) < _SENDER.size:
            raise MalformedError("a sender report is cut short", len(body))
        ssrc, ntp_time, rtp_timestamp, packets, octets = _SENDER.unpack_from(body)
        reports = _reports(body, count=count, start=_SENDER.size)
        return cls(ssrc, ntp_time, rtp_timestamp, packets, octets, reports)

    def write(self) -> bytes:
        """Write the packet as on the wire."""
        body = _SENDER.pack(
            self.ssrc, self.ntp_time, self.rtp_timestamp, self.packet_count, self.octet_count
        )
        return _pack(PacketType.SENDER_REPORT, body, self.reports)


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """A receiver report (RR) holds the report blocks of a participant that sends nothing.

    Args:
        ssrc: SSRC of the participant.
        reports: Report blocks, at most 31.
    """

    ssrc: int
    reports: tuple[ReceptionReport, ...] = ()

    @classmethod
    def parse(cls, count: int, body: bytes) -> Self:
        """Parse the octets after the header."""
        if len(body) < _SSRC.size:
            raise MalformedError("a receiver report is cut short", len(body))
        (ssrc,) = _SSRC.unpack_from(body)
        return cls(ssrc, _reports(body, count=count, start=_SSRC.size))

    def write(self) -> bytes:
        """Write the packet as on the wire."""
        return _pack(PacketType.RECEIVER_REPORT, _SSRC.pack(self.ssrc), self.reports)


def _reports(body: bytes, *, count: int, start: int) -> tuple[ReceptionReport, ...]:
    # RFC 3550 section 6.4.3: what follows the blocks is an extension of some profile.
    end = start + count * _REPORT.size
    if end > len(body):
        raise MalformedError("a report ends within its blocks", len(body))
    return tuple(ReceptionReport.parse(body, at) for at in range(start, end, _REPORT.size))


def _pack(packet_type: PacketType, body: bytes, reports: tuple[ReceptionReport, ...]) -> bytes:
    blocks = b"".join(report.write() for report in reports)
    return pack_packet(body + blocks, packet_type=packet_type, count=len(reports))


#: Packets that all transport-wide feedback of one datagram may report on (ours): a few octets can
#: stand for many thousands.
STATUSES_LIMIT = 0xFFFF

RtcpPacket: TypeAlias = (
    SenderReport
    | ReceiverReport
    | SourceDescription
    | Goodbye
    | Nack
    | PictureLossIndication
    | FullIntraRequest
    | ReceiverEstimatedMaximumBitrate
    | TransportFeedback
    | UnknownPacket
)


def parse(data: bytes) -> list[RtcpPacket]:
    """Parse the RTCP packets of a datagram, in their order.

    Packets of unknown types become `UnknownPacket`. A single packet of any type is accepted
    (reduced-size RTCP, RFC 5506).

    Raises:
        MalformedError: The datagram is empty, or one packet is malformed; none is to be used.
    """
    packets: list[RtcpPacket] = []
    statuses = 0
    for packet_type, count, body in _split(data):
        packet = _parse_one(body, packet_type=packet_type, count=count)
        if isinstance(packet, TransportFeedback):
            statuses += len(packet.arrivals)
            if statuses > STATUSES_LIMIT:
                raise MalformedError("RTCP tells of too many packets")
        packets.append(packet)
    if not packets:
        raise MalformedError("RTCP without a packet")
    return packets


def write(packets: Iterable[RtcpPacket]) -> bytes:
    """Write RTCP packets as one datagram, in their order.

    Raises:
        ValueError: A packet holds more than its format has room for (`struct.error` where a
            number exceeds its bits).
    """
    return b"".join(packet.write() for packet in packets)


def _split(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at < len(data):
        if at + HEADER.size > len(data):
            raise MalformedError("an RTCP header is cut short", at)
        first, packet_type, words = HEADER.unpack_from(data, at)
        if first & VERSION_MASK != VERSION:
            raise MalformedError("RTCP of another version than 2", at)
        start = at + HEADER.size
        at = end = start + 4 * words
        if end > len(data):
            raise MalformedError("an RTCP packet is cut short", start)
        # RFC 3550 section 6.4.1: only the last packet should be padded; Chromium pads its
        # transport-wide feedback wherever it stands.
        if first & PADDING:
            padding = data[end - 1]
            if not 0 < padding <= end - start:
                raise MalformedError("an RTCP packet has less padding than it says", end)
            end -= padding
        yield packet_type, first & COUNT, data[start:end]


def _parse_one(body: bytes, *, packet_type: int, count: int) -> RtcpPacket:
    match packet_type:
        case PacketType.SENDER_REPORT:
            return SenderReport.parse(count, body)
        case PacketType.RECEIVER_REPORT:
            return ReceiverReport.parse(count, body)
        case PacketType.SOURCE_DESCRIPTION:
            return SourceDescription.parse(count, body)
        case PacketType.GOODBYE:
            return Goodbye.parse(count, body)
        case PacketType.TRANSPORT_FEEDBACK | PacketType.PAYLOAD_FEEDBACK:
            return _parse_feedback(body, packet_type=packet_type, count=count)
        case _:
            return UnknownPacket(packet_type, count, body)


def _parse_feedback(body: bytes, *, packet_type: int, count: int) -> RtcpPacket:
    match packet_type, count:
        case PacketType.TRANSPORT_FEEDBACK, TransportFeedbackType.NACK:
            return Nack.parse(body)
        case PacketType.TRANSPORT_FEEDBACK, TransportFeedbackType.TRANSPORT_CC:
            return TransportFeedback.parse(body)
        case PacketType.PAYLOAD_FEEDBACK, PayloadFeedbackType.PLI:
            return PictureLossIndication.parse(body)
        case PacketType.PAYLOAD_FEEDBACK, PayloadFeedbackType.FIR:
            return FullIntraRequest.parse(body)
        case PacketType.PAYLOAD_FEEDBACK, PayloadFeedbackType.APPLICATION if is_remb(body):
            return ReceiverEstimatedMaximumBitrate.parse(body)
        case _:
            return UnknownPacket(packet_type, count, body)
