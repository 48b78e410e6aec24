"""Clock of a file's tracks: maps positions in the file to due times. PURE."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds

#: Seconds without a read beyond which the clock has stood still (ours).
PAUSE = 1.0


class Playhead:
    """Keeps one clock for the tracks of a file. PURE: the present time is passed in.

    Three times meet here, all in seconds. A *position* is a place in the file, counted on through
    its repetitions. A *play time* is when the frame at a position is given, counted from 0 at the
    first frame; it only rises. The *clock* is the event loop's.
    """

    def __init__(self) -> None:
        self._began: MonotonicTime | None = None
        self._offset = Fraction(0)
        self._waiting = 0
        self._last = 0.0

    @property
    def offset(self) -> Fraction:
        """Play time minus position since the last jump, in seconds."""
        return self._offset

    def begin_read(self, now: MonotonicTime) -> None:
        """Note that the read of a track's next frame begins."""
        if self._began is None:
            self._began = now
        elif not self._waiting and now - self._last > PAUSE:
            self._began += now - self._last
        self._waiting += 1

    def end_read(self, now: MonotonicTime) -> None:
        """Note that a read has ended, with a frame or without."""
        self._waiting -= 1
        self._last = now

    def due(self, position: Fraction) -> MonotonicTime:
        """Return the time at which the frame at a position is due."""
        return (self._began or 0.0) + float(position + self._offset)

    def wait_for_disk(self, seconds: Seconds) -> None:
        """Delay all later frames, as one could not be read in time."""
        if self._began is not None:
            self._began += seconds

    def position(self, now: MonotonicTime) -> Fraction:
        """Return the present position in the file."""
        return self._play_time(now) - self._offset

    def jump(self, position: Fraction, now: MonotonicTime) -> None:
        """Go on at another position, now."""
        self._offset = self._play_time(now) - position

    def _play_time(self, now: MonotonicTime) -> Fraction:
        if self._began is None:
            return Fraction(0)
        if not self._waiting and now - self._last > PAUSE:
            now = self._last
        return Fraction(max(0.0, now - self._began)).limit_denominator(90_000)
