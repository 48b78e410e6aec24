"""Owns what is kept about one SSRC for as long as it is remembered: counts, clock, reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.receiving.clock import SenderClock
from peer.rtp.receiving.sequence import SequenceCounter
from peer.rtp.receiving.statistics import StreamStatistics
from peer.rtp.rtcp import ReceptionReport, middle

if TYPE_CHECKING:
    from peer.rtp.rtcp import SenderReport


class Source:
    """One SSRC.

    Args:
        ssrc: Of the stream.
        clock_rate: In hertz.
        sequence_number: Of its first packet.

    Attributes:
        repairs: The SSRC that it retransmits; None for media.
        counter: Of its packets.
        clock: Of its sender.
    """

    __slots__ = (
        "_last_sr",
        "_last_sr_arrival",
        "_reported",
        "clock",
        "counter",
        "discarded",
        "duplicates",
        "fir_count",
        "frames",
        "frames_dropped",
        "gaps",
        "keyframes",
        "malformed",
        "nack_count",
        "pli_count",
        "recovered",
        "repairs",
        "retransmitted_bytes",
        "retransmitted_packets",
        "ssrc",
    )

    def __init__(self, ssrc: int, clock_rate: int, sequence_number: int) -> None:
        self.ssrc = ssrc
        self.repairs: int | None = None
        self.counter = SequenceCounter(clock_rate, sequence_number)
        self.clock = SenderClock()
        self.discarded = 0
        self.duplicates = 0
        self.malformed = 0
        self.nack_count = 0
        self.pli_count = 0
        self.fir_count = 0
        self.recovered = 0
        self.retransmitted_packets = 0
        self.retransmitted_bytes = 0
        self.frames = 0
        self.keyframes = 0
        self.frames_dropped = 0
        self.gaps = 0
        self._last_sr = 0
        self._last_sr_arrival = 0.0
        self._reported = 0

    def receive_report(self, report: SenderReport, arrival: float) -> None:
        """Take what the peer says of its clock."""
        self._last_sr = middle(report.ntp_time)
        self._last_sr_arrival = arrival
        self.clock.report(report.ntp_time, report.rtp_timestamp, arrival, self.counter.clock_rate)

    def report(self, now: float) -> ReceptionReport | None:
        """What to report; None where nothing came since the last call (RFC 3550 section 6.4)."""
        counter = self.counter
        if counter.packets == self._reported:
            return None
        self._reported = counter.packets
        # RFC 3550 section 6.4.1: both are zero before a sender report.
        delay = int((now - self._last_sr_arrival) * 65536) if self._last_sr else 0
        return ReceptionReport(
            ssrc=self.ssrc,
            fraction_lost=counter.fraction_lost(),
            cumulative_lost=counter.lost,
            # The first cycle is counted from one, so that no number is below zero.
            highest_sequence=(counter.highest - 0x10000) & 0xFFFFFFFF,
            jitter=min(int(counter.jitter * counter.clock_rate), 0xFFFFFFFF),
            last_sr=self._last_sr,
            delay_since_last_sr=max(0, min(delay, 0xFFFFFFFF)),
        )

    def statistics(self, hold: float = 0.0) -> StreamStatistics:
        """The counts so far."""
        counter = self.counter
        return StreamStatistics(
            ssrc=self.ssrc,
            repairs=self.repairs,
            packets=counter.packets,
            bytes=counter.bytes,
            lost=counter.lost,
            jitter=counter.jitter,
            last_arrival=counter.last_arrival,
            discarded=self.discarded,
            duplicates=self.duplicates,
            malformed=self.malformed,
            nack_count=self.nack_count,
            pli_count=self.pli_count,
            fir_count=self.fir_count,
            recovered=self.recovered,
            retransmitted_packets=self.retransmitted_packets,
            retransmitted_bytes=self.retransmitted_bytes,
            frames=self.frames,
            keyframes=self.keyframes,
            frames_dropped=self.frames_dropped,
            gaps=self.gaps,
            hold=hold,
        )
