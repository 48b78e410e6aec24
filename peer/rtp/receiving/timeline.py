"""Owns presentation times of what is received, across wraps and changes of stream."""

from __future__ import annotations

_WRAP = 1 << 32
#: A step of the timestamps that differs from the time that passed by more than these seconds is
#: a new beginning: no network holds a packet back so long.
LEAP = 10.0


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
