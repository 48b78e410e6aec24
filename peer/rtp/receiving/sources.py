"""Owns the SSRCs that a receiver has met, of which only so many are remembered."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from peer.rtp.receiving.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.rtp.packet import RtpPacket
    from peer.rtp.rtcp import ReceptionReport, SenderReport

#: SSRCs that are remembered; the one that has been followed or heard the longest ago is forgotten.
SOURCE_LIMIT = 16


class Sources:
    """Media and retransmissions, by SSRC."""

    def __init__(self) -> None:
        self._sources: OrderedDict[int, Source] = OrderedDict()
        self._followed: Source | None = None
        # Sender reports may come before the first packet.
        self._early: OrderedDict[int, tuple[SenderReport, float]] = OrderedDict()

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources.values())

    def __len__(self) -> int:
        return len(self._sources)

    def follow(self, packet: RtpPacket, clock_rate: int) -> Source:
        """The source of a stream of media that begins, or goes on, with this packet."""
        source = self._source(packet, clock_rate)
        source.repairs = None
        source.counter.restart(packet.sequence_number)
        self._followed = source
        return source

    def repair(
        self, packet: RtpPacket, repairs: int | None, clock_rate: int, arrival: float
    ) -> Source | None:
        """Count a packet of retransmissions; None for one that was counted as media before."""
        if self._followed is not None and packet.ssrc == self._followed.ssrc:
            return None
        source = self._source(packet, clock_rate)
        source.repairs = repairs
        number = source.counter.count(
            packet.sequence_number, packet.timestamp, len(packet.payload), arrival
        )
        return source if number >= 0 else None

    def receive_report(self, report: SenderReport, arrival: float) -> None:
        """Take what the peer says of its clock."""
        source = self._sources.get(report.ssrc)
        if source is not None:
            source.receive_report(report, arrival)
            return
        self._early[report.ssrc] = (report, arrival)
        self._early.move_to_end(report.ssrc)
        if len(self._early) > SOURCE_LIMIT:
            self._early.popitem(last=False)

    def reports(self, now: float) -> tuple[ReceptionReport, ...]:
        """For each source heard since the last call."""
        reports = (source.report(now) for source in self._sources.values())
        return tuple(report for report in reports if report is not None)

    def _source(self, packet: RtpPacket, clock_rate: int) -> Source:
        ssrc = packet.ssrc
        source = self._sources.get(ssrc)
        if source is None:
            source = Source(ssrc, clock_rate, packet.sequence_number)
            if (early := self._early.pop(ssrc, None)) is not None:
                source.receive_report(*early)
            self._sources[ssrc] = source
            if len(self._sources) > SOURCE_LIMIT:
                self._forget_one()
        self._sources.move_to_end(ssrc)
        return source

    def _forget_one(self) -> None:
        for ssrc, source in self._sources.items():
            if source is not self._followed:
                del self._sources[ssrc]
                return
