"""Owns the presentation times of what one sender sends, across all its tracks."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

VIDEO_TIME_BASE = Fraction(1, 90_000)


class SendTimeline:
    """Times that only rise, and that keep pace with the clock where one track follows another.

    Within a track its own times decide, to the tick. A track's first frame, and one whose time
    does not rise, is placed at the present moment or right after the frame before, whichever is
    later. The very first frame keeps its time.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # What the clock showed at time 0 of the timeline.
        self._origin: float | None = None
        self._end = Fraction(0)
        self._last = Fraction(-1)
        self._shift: int | None = None
        self._time_base: Fraction | None = None

    def begin_track(self) -> None:
        """The next frame is the first of another track."""
        self._shift = None

    def place(
        self, pts: int | None, time_base: Fraction | None, duration: Fraction
    ) -> tuple[int, Fraction]:
        """The presentation time to give to a frame.

        Args:
            pts: The frame's own, in `time_base`; None where the track does not say.
            time_base: Seconds for each tick; None as above.
            duration: Seconds until the frame ends; 0 where that is not known.

        Returns:
            The time in ticks, and the seconds for each tick.
        """
        base = time_base or VIDEO_TIME_BASE
        if self._origin is None:
            self._shift = 0
            self._origin = self._clock() - float((pts or 0) * base)
        elif pts is None or time_base is None or base != self._time_base:
            self._shift = None
        ticks = self._ticks(pts, base, duration)
        self._time_base = base
        self._last = ticks * base
        self._end = self._last + max(duration, base)
        return ticks, base

    def _ticks(self, pts: int | None, base: Fraction, duration: Fraction) -> int:
        own = pts or 0
        if self._shift is not None and (own + self._shift) * base > self._last:
            return own + self._shift
        ticks = math.ceil(max(self._end, self._now(duration)) / base)
        self._shift = ticks - own
        return ticks

    def _now(self, duration: Fraction) -> Fraction:
        now = Fraction(self._clock() - (self._origin or 0.0))
        # Sound without times of its own is counted in samples; only a pause of more than some
        # frames is one, the rest is jitter of the program that produces it.
        return now if not duration or now - self._end > 4 * duration else self._end
