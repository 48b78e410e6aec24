"""Owns sender and receiver reports (RFC 3550 sections 6.4.1 and 6.4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Self

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp.header import PacketType, packed

#: How many reports one packet has room for (five bits).
REPORTS_LIMIT = 31

_SSRC = Struct("!I")
_SENDER = Struct("!IQIII")
_REPORT = Struct("!IIIIII")
_LOST_LIMIT = 1 << 23


@dataclass(frozen=True, slots=True)
class ReceptionReport:
    """How one stream is received.

    Args:
        ssrc: Of the stream.
        fraction_lost: Since the report before, in 256ths: 0 to 255.
        cumulative_lost: Since the beginning; below zero where duplicates outnumber losses. What
            does not fit in 24 bits is written as the nearest that does.
        highest_sequence: The extended highest sequence number, 32 bits.
        jitter: In ticks of the stream's clock.
        last_sr: The middle 32 bits of the NTP time of the last sender report; 0 before one.
        delay_since_last_sr: Since it came, in units of 1/65536 s.
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
        """Read the 24 octets at an offset."""
        ssrc, lost, highest, jitter, last_sr, delay = _REPORT.unpack_from(body, at)
        cumulative = lost & 0xFFFFFF
        if cumulative >= _LOST_LIMIT:
            cumulative -= 2 * _LOST_LIMIT
        return cls(ssrc, lost >> 24, cumulative, highest, jitter, last_sr, delay)

    def write(self) -> bytes:
        """The 24 octets."""
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
    """What a sender says of its stream and, in passing, of those it receives.

    Args:
        ssrc: Of the stream it sends.
        ntp_time: The time of the report, 64 bits; see `ntp`.
        rtp_timestamp: The same time on the stream's clock, 32 bits.
        packet_count: Sent so far, modulo 2**32.
        octet_count: Of payload sent so far, modulo 2**32.
        reports: At most 31.
    """

    ssrc: int
    ntp_time: int
    rtp_timestamp: int
    packet_count: int
    octet_count: int
    reports: tuple[ReceptionReport, ...] = ()

    @classmethod
    def parse(cls, count: int, body: bytes) -> Self:
        """Read what follows the header."""
        if len(body) < _SENDER.size:
            raise MalformedError("a sender report is cut short", len(body))
        ssrc, ntp_time, rtp_timestamp, packets, octets = _SENDER.unpack_from(body)
        reports = _reports(count, body, _SENDER.size)
        return cls(ssrc, ntp_time, rtp_timestamp, packets, octets, reports)

    def write(self) -> bytes:
        """The packet for the wire."""
        body = _SENDER.pack(
            self.ssrc, self.ntp_time, self.rtp_timestamp, self.packet_count, self.octet_count
        )
        return _packed(PacketType.SENDER_REPORT, body, self.reports)


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """What a participant says of the streams it receives.

    Args:
        ssrc: Of the participant.
        reports: At most 31.
    """

    ssrc: int
    reports: tuple[ReceptionReport, ...] = ()

    @classmethod
    def parse(cls, count: int, body: bytes) -> Self:
        """Read what follows the header."""
        if len(body) < _SSRC.size:
            raise MalformedError("a receiver report is cut short", len(body))
        (ssrc,) = _SSRC.unpack_from(body)
        return cls(ssrc, _reports(count, body, _SSRC.size))

    def write(self) -> bytes:
        """The packet for the wire."""
        return _packed(PacketType.RECEIVER_REPORT, _SSRC.pack(self.ssrc), self.reports)


def _reports(count: int, body: bytes, start: int) -> tuple[ReceptionReport, ...]:
    # RFC 3550 section 6.4.3: what follows the blocks is an extension of some profile.
    end = start + count * _REPORT.size
    if end > len(body):
        raise MalformedError("a report ends within its blocks", len(body))
    return tuple(ReceptionReport.parse(body, at) for at in range(start, end, _REPORT.size))


def _packed(packet_type: PacketType, body: bytes, reports: tuple[ReceptionReport, ...]) -> bytes:
    blocks = b"".join(report.write() for report in reports)
    return packed(packet_type, len(reports), body + blocks)
