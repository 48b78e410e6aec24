"""Counts the freezes of a video track that is read (W3C webrtc-stats, `freezeCount`). PURE."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds

#: Intervals between video frames that are averaged (webrtc-stats, freezeCount).
_INTERVALS = 30
#: Seconds above the average from which on an interval may be a freeze (webrtc-stats).
_LEAST_EXCESS = 0.150


class FreezeMeter:
    """Counts freezes by the time of each video frame.

    An interval between two frames is a freeze where it exceeds three times the average of the last
    30, and that average by 150 ms (W3C).

    Attributes:
        count: Freezes so far.
        seconds: Seconds of these freezes.
    """

    def __init__(self) -> None:
        self.count = 0
        self.seconds: Seconds = 0.0
        self._last: MonotonicTime | None = None
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)

    def on_frame(self, now: MonotonicTime) -> None:
        """Take the time at which a video frame is given."""
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
        """Leave out the next interval: the frames stop on purpose."""
        self._last = None
