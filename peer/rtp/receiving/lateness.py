"""Owns how late frames come after the fastest of them, as a high percentile over some seconds."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

#: Seconds over which lateness is looked at, and over which the fastest frame is remembered.
WINDOW = 3.0
BASE_WINDOW = 10.0
#: Of so many frames in 100 the lateness is not more. Rare late ones are not worth waiting for.
PERCENTILE = 95
#: Frames within a window that are remembered.
SAMPLE_LIMIT = 512
#: Frames that differ by more than these seconds have nothing to do with each other.
LEAP = 3.0


class Lateness:
    """The delay of each frame, arrival less presentation time, against the least of them.

    Attributes:
        base: The least delay of the last ten seconds or so, in seconds; the clocks differ, so that
            it means nothing by itself.
    """

    __slots__ = ("_arrivals", "_changed", "_next", "_sorted", "base")

    def __init__(self) -> None:
        self.base = 0.0
        self._next = 0.0
        self._changed = -math.inf
        self._arrivals: deque[tuple[float, float]] = deque()
        self._sorted: list[float] = []

    def add(self, delay: float, now: float) -> float:
        """Take the delay of a frame; returns how late it is, in seconds."""
        if self._changed == -math.inf or abs(delay - self.base) > LEAP:
            self._begin(delay, now)
        # Two halves: the least of the present one takes over, so that a longer way or a clock that
        # runs slower is noticed.
        if now - self._changed >= BASE_WINDOW / 2:
            self.base, self._next, self._changed = self._next, delay, now
        self._next = min(self._next, delay)
        self.base = min(self.base, delay)
        self._expire(now)
        insort(self._sorted, delay)
        self._arrivals.append((now, delay))
        return delay - self.base

    def percentile(self) -> float:
        """Seconds of lateness that few frames exceed; 0 without frames."""
        if not self._sorted:
            return 0.0
        at = (len(self._sorted) - 1) * PERCENTILE // 100
        return max(0.0, self._sorted[at] - self.base)

    def clear(self) -> None:
        """Learn anew."""
        self._arrivals.clear()
        self._sorted.clear()
        self._changed = -math.inf

    def _begin(self, delay: float, now: float) -> None:
        self.clear()
        self.base = self._next = delay
        self._changed = now

    def _expire(self, now: float) -> None:
        arrivals = self._arrivals
        while arrivals and (arrivals[0][0] < now - WINDOW or len(arrivals) >= SAMPLE_LIMIT):
            _, delay = arrivals.popleft()
            del self._sorted[bisect_left(self._sorted, delay)]
