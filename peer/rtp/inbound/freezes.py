"""Owns when a picture that is shown has frozen (W3C webrtc-stats, `freezeCount`)."""

from __future__ import annotations

from collections import deque

_INTERVALS = 30
_LEAST_EXCESS = 0.150


class FreezeMeter:
    """Fed with the time of each picture that comes out.

    W3C: it froze where the interval is over three times the average of the last 30, or over the
    average and 150 ms, whichever is more.

    Attributes:
        count: How often it froze.
        seconds: For how long, all in all.
    """

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self._last: float | None = None
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)

    def picture(self, now: float) -> None:
        """A picture came out."""
        last, self._last = self._last, now
        if last is None:
            return
        interval = now - last
        if self._intervals:
            average = sum(self._intervals) / len(self._intervals)
            if interval > max(3 * average, average + _LEAST_EXCESS):
                self.count += 1
                self.seconds += interval
        self._intervals.append(interval)

    def interrupt(self) -> None:
        """Pictures stop on purpose: the next interval says nothing."""
        self._last = None
