"""Owns what is known of the sender's clock: when what it sends was captured."""

from __future__ import annotations

from collections import deque

from peer.rtp.rtcp import from_ntp

_WRAP = 1 << 32
#: A step of the timestamps that differs from the time that passed by more than these seconds is
#: a new beginning: no network holds a packet back so long.
LEAP = 10.0
#: Reports that are remembered, for the rate of the RTP clock and for the least delay.
REPORT_LIMIT = 8
#: How far an RTP clock may be from its rate before it is taken for an error.
DRIFT_LIMIT = 0.01
#: Seconds between two reports that a rate can be measured over.
_BASELINE = 4.0


class SenderClock:
    """Maps RTP timestamps to the sender's wall clock, and that to our monotonic one.

    A pair of both times comes with each sender report (RFC 3550 section 6.4.1), or with packets
    that have the absolute capture time; once they do, reports are not needed for it.
    """

    __slots__ = ("_captures", "_pairs", "_rate", "_seconds", "_timestamp")

    def __init__(self) -> None:
        # (wall clock, RTP timestamp, arrival)
        self._pairs: deque[tuple[float, int, float]] = deque(maxlen=REPORT_LIMIT)
        self._captures = False
        self._timestamp = 0
        self._seconds: float | None = None
        self._rate: float | None = None

    def report(self, ntp_time: int, timestamp: int, arrival: float, clock_rate: int) -> None:
        """Take the pair of a sender report; it came at `arrival`, in seconds of our clock."""
        # RFC 3550 section 6.4.1: a sender without a wall clock says zero.
        if not ntp_time:
            return
        wall = from_ntp(ntp_time)
        if self._pairs and not 0.0 < wall - self._pairs[-1][0] < 3600.0:
            # Its clock was set: what was learnt from it is void.
            self._pairs.clear()
            self._rate = None
        self._pairs.append((wall, timestamp, arrival))
        if not self._captures:
            self._timestamp, self._seconds = timestamp, wall
            self._rate = self._measured(clock_rate)

    def capture(self, timestamp: int, seconds: float) -> None:
        """Take an absolute capture time."""
        self._captures = True
        self._rate = None
        self._timestamp, self._seconds = timestamp, seconds

    def wall(self, timestamp: int, clock_rate: int) -> float | None:
        """When that was, in seconds since 1970 by the sender's clock; None before any report."""
        if self._seconds is None:
            return None
        ticks = (timestamp - self._timestamp) % _WRAP
        if ticks >= _WRAP // 2:
            ticks -= _WRAP
        return self._seconds + ticks / (self._rate or clock_rate)

    def local(self, wall: float) -> float | None:
        """The same on our monotonic clock, as if the fastest report had taken no time."""
        if not self._pairs:
            return None
        return wall + min(arrival - sent for sent, _, arrival in self._pairs)

    def _measured(self, clock_rate: int) -> float | None:
        wall, timestamp, _ = self._pairs[-1]
        first, before, _ = self._pairs[0]
        if wall - first < _BASELINE:
            return None
        rate = ((timestamp - before) % _WRAP) / (wall - first)
        return rate if abs(rate / clock_rate - 1.0) < DRIFT_LIMIT else None


class ReceiveTimeline:
    """Presentation times that rise through every change of stream, in the present codec's clock."""

    __slots__ = ("_arrival", "_clock_rate", "_expected", "_pts", "_timestamp")

    def __init__(self) -> None:
        self._timestamp: int | None = None
        self._pts = 0
        self._arrival = 0.0
        self._clock_rate = 0
        self._expected = False

    def map(self, timestamp: int, arrival: float, clock_rate: int) -> int:
        """The presentation time of an RTP timestamp; the first is 0.

        Args:
            timestamp: 32 bits.
            arrival: Of the frame, in seconds; it tells how long a stream was away.
            clock_rate: In hertz; a change of it is a new beginning.
        """
        former = self._timestamp
        self._timestamp = timestamp
        elapsed = arrival - self._arrival
        self._arrival = arrival
        if former is None:
            self._clock_rate = clock_rate
            return 0
        # RFC 3550 section 5.1: timestamps wrap, so the nearer way round is meant.
        ticks = (timestamp - former) % _WRAP
        if ticks >= _WRAP // 2:
            ticks -= _WRAP
        if (
            self._expected
            or clock_rate != self._clock_rate
            or abs(ticks / clock_rate - elapsed) > LEAP
        ):
            reached = self._pts * clock_rate // self._clock_rate
            ticks = max(1, round(elapsed * clock_rate))
            self._pts = reached
            self._clock_rate = clock_rate
            self._expected = False
        self._pts += ticks
        return self._pts

    def restart(self) -> None:
        """Expect timestamps that have nothing to do with those before."""
        self._expected = True
