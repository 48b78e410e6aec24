"""Clock of a live source's tracks: maps positions to due times. PURE."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds

#: Seconds without a read beyond which a source goes on with its newest frames (ours).
PAUSE = 1.0


class LiveClock:
    """Keeps one clock for the tracks of a live source. PURE: the present time is passed in.

    Play times, which become timestamps, go on with the real time: also while nothing comes.
    """

    def __init__(self) -> None:
        # Time at which position 0 is due.
        self._zero: MonotonicTime | None = None
        self._first: MonotonicTime | None = None
        self._waiting = 0
        self._last: MonotonicTime | None = None
        self._floor = Fraction(0)
        self._given = Fraction(0)

    @property
    def floor(self) -> Fraction:
        """Position before which frames are left out."""
        return self._floor

    @property
    def given(self) -> Fraction:
        """Position of the frame that was given last of all."""
        return self._given

    def give(self, position: Fraction) -> None:
        """Note that a frame is given."""
        self._given = max(self._given, position)

    def begin_read(self, now: MonotonicTime) -> bool:
        """Note that a read begins; return True if it is the first, or the first after a pause."""
        paused = self._last is None or now - self._last > PAUSE
        begins = not self._waiting and paused
        self._waiting += 1
        return begins

    def end_read(self, now: MonotonicTime) -> None:
        """Note that a read has ended, with a frame or without."""
        self._waiting -= 1
        self._last = now

    def position(self, now: MonotonicTime) -> Fraction | None:
        """Return the position that is due now; None before the first frame."""
        return None if self._zero is None else _exact(now - self._zero)

    def go_on(self, position: Fraction, now: MonotonicTime) -> None:
        """Go on at a position, now; what lies before is left out."""
        self._floor = position
        self._zero = now - float(position)

    def wait(self, position: Fraction, now: MonotonicTime) -> None:
        """Note that a frame came late: it is due now, and all others as much later."""
        self._zero = now - float(position)

    def due(self, position: Fraction, now: MonotonicTime) -> MonotonicTime:
        """Return the time at which a frame is due; the first one is due now."""
        if self._zero is None:
            self._zero = now - float(position)
        due = self._zero + float(position)
        if self._first is None:
            self._first = due
        return due

    def play_time(self, position: Fraction) -> Fraction:
        """Return when a frame is given, in seconds from the first."""
        return _exact((self._zero or 0.0) + float(position) - (self._first or 0.0))


def _exact(seconds: Seconds) -> Fraction:
    return Fraction(seconds).limit_denominator(90_000)
