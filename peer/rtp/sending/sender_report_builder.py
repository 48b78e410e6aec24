"""Owns what a sender tells in its reports, and what the peer's tell of the way back."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from peer.rtp.rtcp import SenderReport, middle, to_ntp

if TYPE_CHECKING:
    from peer.rtp.rtcp import ReceptionReport
    from peer.rtp.sending.counters import SendStreamCounters

#: Sender reports that a peer may still refer to.
REPORTS_KEPT = 8

_MASK = 0xFFFFFFFF


class SenderReportBuilder:
    """Sender reports of one stream, and the round trips measured with them."""

    def __init__(self) -> None:
        # Pairs of what the peer repeats of a report and when it was made.
        self._made: deque[tuple[int, float]] = deque(maxlen=REPORTS_KEPT)
        self._timestamp = 0
        self._captured: float | None = None

    def on_frame(self, timestamp: int, captured: float) -> None:
        """Note which RTP timestamp, 32 bits, is which moment of the monotonic clock."""
        self._timestamp = timestamp
        self._captured = captured

    def make(
        self, ssrc: int, clock_rate: int, counters: SendStreamCounters, now: float, unix: float
    ) -> SenderReport | None:
        """The report; None before the first frame."""
        if self._captured is None:
            return None
        ntp = to_ntp(unix)
        self._made.append((middle(ntp), now))
        # RFC 3550 section 6.4.1: the RTP timestamp is that of the moment of the NTP timestamp,
        # not that of any packet.
        elapsed = round((now - self._captured) * clock_rate)
        return SenderReport(
            ssrc=ssrc,
            ntp_time=ntp,
            rtp_timestamp=(self._timestamp + elapsed) & _MASK,
            packet_count=counters.packets & _MASK,
            octet_count=counters.octets & _MASK,
        )

    def round_trip(self, report: ReceptionReport, now: float) -> float | None:
        """In seconds; None where the report tells of none of the latest sender reports."""
        if not report.last_sr:
            return None
        # RFC 3550 section 6.4.1, A - LSR - DLSR; A and LSR by the clock that never jumps.
        for name, made in self._made:
            if name == report.last_sr:
                return max(0.0, now - made - report.delay_since_last_sr / 65536)
        return None
