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
        self._shift: int | None = None
        # Of the frame placed last.
        self._time_base: Fraction | None = None
        self._ticks = 0
        self._duration = Fraction(0)

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
        base = VIDEO_TIME_BASE if time_base is None else time_base
        own = pts or 0
        shift = self._shift
        # Identity first: a comparison of fractions would cost more than all the rest.
        if base is not self._time_base and base != self._time_base:
            shift = None
        if self._origin is None:
            shift = 0
            self._origin = self._clock() - float(own * base)
        elif pts is None or time_base is None or shift is None or own + shift <= self._ticks:
            shift = math.ceil(max(self._end, self._now(duration)) / base) - own
        self._shift = shift
        self._time_base = base
        self._ticks = own + shift
        self._duration = duration
        return self._ticks, base

    def moment(self) -> Fraction:
        """The present moment in seconds, or the end of the frame placed last if that is later."""
        if self._origin is None:
            self._origin = self._clock()
        return max(self._end, Fraction(self._clock() - self._origin))

    @property
    def _end(self) -> Fraction:
        base = self._time_base
        return Fraction(0) if base is None else self._ticks * base + max(self._duration, base)

    def _now(self, duration: Fraction) -> Fraction:
        now = Fraction(self._clock() - (self._origin or 0.0))
        # Sound without times of its own is counted in samples; only a pause of more than some
        # frames is one, the rest is jitter of the program that produces it.
        return now if not duration or now - self._end > 4 * duration else self._end
