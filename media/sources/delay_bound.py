"""Bound on the delay of a live source: tells how much to leave out. PURE."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds

#: Seconds for which standing frames are watched at least (ours).
_WINDOW = 1.0
#: Seconds after which a gap between arrivals counts half (ours).
_HALF_LIFE = 15.0
#: Seconds of standing frames above the bound that are not worth a jump (ours).
_SLACK = 0.1


class DelayBound:
    """Watches how much of a live source waits, and tells what is too much. PURE.

    Frames come in bursts, as the segments of HLS do, and what waits for the next burst is no delay
    that could be saved. What always waits, also just before each arrival, is.

    Args:
        delay: Seconds that may always wait.
        gap: Seconds between bursts that are to be expected at the beginning.
    """

    def __init__(self, delay: Seconds, *, gap: Seconds = 0.0) -> None:
        self._delay = delay
        self._gap = gap
        self._arrival: MonotonicTime | None = None
        self._since: MonotonicTime | None = None
        # Rising in both, so that the first is the least of the window.
        self._least: deque[tuple[MonotonicTime, Seconds]] = deque()

    @property
    def reserve(self) -> Seconds:
        """Seconds to stay behind the newest frame, so that bursts leave no holes."""
        return self._delay + self._gap

    def note(self, now: MonotonicTime, standing: Seconds) -> None:
        """Note an arrival, and the seconds that waited before it."""
        if self._arrival is not None:
            passed = now - self._arrival
            self._gap = max(passed, self._gap * 0.5 ** (passed / _HALF_LIFE))
        self._arrival = now
        if self._since is None:
            self._since = now
        while self._least and self._least[-1][1] >= standing:
            self._least.pop()
        self._least.append((now, standing))
        while self._least[0][0] < now - self._window:
            self._least.popleft()

    def excess(self, now: MonotonicTime) -> Seconds:
        """Return the seconds to leave out; 0 while the delay is as it should be."""
        if self._since is None or now - self._since < self._window or not self._least:
            return 0.0
        excess = self._least[0][1] - self._delay
        return excess if excess > _SLACK else 0.0

    def begin_again(self) -> None:
        """Forget what waited, as the source went on elsewhere."""
        self._since = None
        self._least.clear()

    @property
    def _window(self) -> Seconds:
        return _WINDOW + 2 * self._gap
