"""Sender and receiver reports of RTCP (RFC 3550 sections 6.4.1 and 6.4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Self

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp.header import PacketType, pack_packet

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
