"""Maps RTP timestamps of received streams to capture times and to presentation times. PURE."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from peer.rtp.rtcp import from_ntp
from peer.times import UnixTime

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds

#: RTP timestamps have 32 bits (RFC 3550 section 5.1).
_WRAP = 1 << 32
#: Limit of the sender reports that are kept, to measure the rate of the RTP clock (ours).
REPORT_LIMIT = 8
#: Largest share by which a measured clock rate may differ from the agreed one (ours).
DRIFT_LIMIT = 0.01
#: Least seconds between two reports to measure a clock rate (ours).
_BASELINE = 4.0
#: Largest seconds by which the wall clock may advance from one report to the next (ours).
_REPORT_GAP_LIMIT = 3600.0
#: Seconds by which timestamps and arrivals may differ before timestamps count as unrelated to those
#: before: no network holds a packet back so long (ours).
LEAP = 10.0


class SenderClock:
    """The wall clock of a sender by its RTP timestamps.

    Each sender report brings a pair of both times (RFC 3550 section 6.4.1), and so does the
    absolute capture time of a packet, which replaces reports once it comes.
    """

    __slots__ = ("_capture_time", "_has_capture_times", "_rate", "_reports", "_timestamp")

    def __init__(self) -> None:
        # (wall clock, RTP timestamp) of each report.
        self._reports: deque[tuple[UnixTime, int]] = deque(maxlen=REPORT_LIMIT)
        self._has_capture_times = False
        self._timestamp = 0
        self._capture_time: UnixTime | None = None
        self._rate: float | None = None

    def add_report(self, *, ntp_time: int, timestamp: int, clock_rate: int) -> None:
        """Take the times of a sender report.

        Args:
            ntp_time: 64 bits; 0 from a sender without a wall clock.
            timestamp: The RTP timestamp of the same moment.
            clock_rate: As agreed, in Hz.
        """
        # RFC 3550 section 6.4.1: a sender without a wall clock says zero.
        if not ntp_time:
            return
        wall = UnixTime(from_ntp(ntp_time))
        if self._reports and not 0.0 < wall - self._reports[-1][0] < _REPORT_GAP_LIMIT:
            # The sender's clock was set: earlier reports say nothing any more.
            self._reports.clear()
            self._rate = None
        self._reports.append((wall, timestamp))
        if not self._has_capture_times:
            self._timestamp, self._capture_time = timestamp, wall
            self._rate = self._measure_rate(clock_rate)

    def add_capture_time(self, timestamp: int, capture_time: UnixTime) -> None:
        """Take the absolute capture time that a packet says."""
        self._has_capture_times = True
        self._rate = None
        self._timestamp, self._capture_time = timestamp, capture_time

    def capture_time(self, timestamp: int, *, clock_rate: int) -> UnixTime | None:
        """The time of an RTP timestamp by the sender's wall clock; None before any report.

        Args:
            timestamp: 32 bits.
            clock_rate: As agreed, in Hz.
        """
        if self._capture_time is None:
            return None
        ticks = (timestamp - self._timestamp) % _WRAP
        if ticks >= _WRAP // 2:
            ticks -= _WRAP
        return UnixTime(self._capture_time + ticks / (self._rate or clock_rate))

    def _measure_rate(self, clock_rate: int) -> float | None:
        wall, timestamp = self._reports[-1]
        first_wall, first_timestamp = self._reports[0]
        if wall - first_wall < _BASELINE:
            return None
        rate = ((timestamp - first_timestamp) % _WRAP) / (wall - first_wall)
        return rate if abs(rate / clock_rate - 1.0) < DRIFT_LIMIT else None


class ReceiveTimeline:
    """The presentation times of one receiver: rise through wraps and every change of stream."""

    __slots__ = ("_arrival", "_clock_rate", "_pts", "_restarting", "_timestamp")

    def __init__(self) -> None:
        self._timestamp: int | None = None
        self._pts = 0
        self._arrival = 0.0
        self._clock_rate = 0
        self._restarting = False

    def pts(self, timestamp: int, *, arrival: MonotonicTime, clock_rate: int) -> int:
        """The presentation time of a frame, in ticks of `clock_rate`; 0 for the first.

        Args:
            timestamp: The RTP timestamp of the frame, 32 bits.
            arrival: Arrival of the frame, which tells how long a stream was away.
            clock_rate: In Hz; another rate than before restarts the timeline.
        """
        former = self._timestamp
        self._timestamp = timestamp
        elapsed: Seconds = arrival - self._arrival
        self._arrival = arrival
        if former is None:
            self._clock_rate = clock_rate
            return 0
        # RFC 3550 section 5.1: timestamps wrap, so the shorter distance is meant.
        ticks = (timestamp - former) % _WRAP
        if ticks >= _WRAP // 2:
            ticks -= _WRAP
        if (
            self._restarting
            or clock_rate != self._clock_rate
            or abs(ticks / clock_rate - elapsed) > LEAP
        ):
            reached = self._pts * clock_rate // self._clock_rate
            ticks = max(1, round(elapsed * clock_rate))
            self._pts = reached
            self._clock_rate = clock_rate
            self._restarting = False
        self._pts += ticks
        return self._pts

    def restart(self) -> None:
        """Expect timestamps that are unrelated to those before."""
        self._restarting = True
