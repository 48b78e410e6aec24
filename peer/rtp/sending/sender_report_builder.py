"""Builds sender reports of one stream, and measures round trips by the reports that answer. PURE.

RFC 3550 section 6.4.1 defines both.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from peer.rtp.rtcp import SenderReport, compact_ntp, to_ntp

if TYPE_CHECKING:
    from peer.rtp.rtcp import ReceptionReport
    from peer.rtp.sending.counters import SendStreamCounters
    from peer.times import MonotonicTime, Seconds, UnixTime

#: Sender reports that a peer may still answer (ours).
REPORTS_KEPT = 8

#: Mask of 32 bits: RTP timestamps and the counts of a sender report.
_MASK = 0xFFFFFFFF


class SenderReportBuilder:
    """Builds the sender reports of one stream, and remembers when each was made."""

    def __init__(self) -> None:
        # Pairs of the LSR that the peer repeats and the time when the report was made.
        self._made: deque[tuple[int, MonotonicTime]] = deque(maxlen=REPORTS_KEPT)
        self._timestamp = 0
        self._capture: MonotonicTime | None = None

    def on_frame(self, timestamp: int, capture_monotonic: MonotonicTime) -> None:
        """Note the RTP timestamp, 32 bits, of the latest frame and the time of its capture."""
        if self._capture is not None and (timestamp - self._timestamp) & _MASK > _MASK >> 1:
            # A B-frame comes later than it is shown: it would move the clock to and fro.
            return
        self._timestamp = timestamp
        self._capture = capture_monotonic

    def build(
        self,
        counters: SendStreamCounters,
        *,
        ssrc: int,
        clock_rate: int,
        now: MonotonicTime,
        unix_now: UnixTime,
    ) -> SenderReport | None:
        """Build a sender report; None before the first frame.

        Args:
            counters: Counters of the stream.
            ssrc: SSRC of the stream.
            clock_rate: Clock rate of the codec in Hz.
            now: Present time.
            unix_now: Present time since 1970.
        """
        if self._capture is None:
            return None
        ntp = to_ntp(unix_now)
        self._made.append((compact_ntp(ntp), now))
        # RFC 3550 section 6.4.1: the RTP timestamp is that of the moment of the NTP timestamp,
        # not that of any packet.
        elapsed = round((now - self._capture) * clock_rate)
        return SenderReport(
            ssrc=ssrc,
            ntp_time=ntp,
            rtp_timestamp=(self._timestamp + elapsed) & _MASK,
            packet_count=counters.packets & _MASK,
            octet_count=counters.octets & _MASK,
        )

    def round_trip(self, report: ReceptionReport, *, now: MonotonicTime) -> Seconds | None:
        """Return the round trip in seconds; None where the report answers no recent report."""
        if not report.last_sr:
            return None
        # RFC 3550 section 6.4.1, A - LSR - DLSR; A and LSR by the clock that never jumps.
        for last_sr, made in self._made:
            if last_sr == report.last_sr:
                return max(0.0, now - made - report.delay_since_last_sr / 65536)
        return None
