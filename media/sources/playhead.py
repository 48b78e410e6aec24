"""Owns `Playhead`: when what lies where in a file is to be given, for all the tracks of a file."""

from __future__ import annotations

from fractions import Fraction

#: Seconds. When nobody has fetched anything for longer than this, time has stood still.
PAUSE = 1.0


class Playhead:
    """One clock for several tracks. Pure: the time of now is passed in.

    Three lines of time meet here. A *position* is where in the file something lies, counted on
    through its repetitions. A *play time* is when it is given, from 0 at the first, and only ever
    rises. The *clock* is monotonic. All are in seconds.
    """

    def __init__(self) -> None:
        self._began: float | None = None
        self._offset = Fraction(0)
        self._waiting = 0
        self._last = 0.0

    @property
    def offset(self) -> Fraction:
        """Play time less position, since the last jump."""
        return self._offset

    def begin_read(self, now: float) -> None:
        """Somebody wants the next frame of a track."""
        if self._began is None:
            self._began = now
        elif not self._waiting and now - self._last > PAUSE:
            self._began += now - self._last
        self._waiting += 1

    def end_read(self, now: float) -> None:
        """Somebody got it, or wants it no more."""
        self._waiting -= 1
        self._last = now

    def due(self, position: Fraction) -> float:
        """When something is to be given, by the clock."""
        return (self._began or 0.0) + float(position + self._offset)

    def wait_for_disk(self, seconds: float) -> None:
        """All that is to come, comes later: it could not be read in time."""
        if self._began is not None:
            self._began += seconds

    def position(self, now: float) -> Fraction:
        """Where in the file we are."""
        return self._play_time(now) - self._offset

    def jump(self, position: Fraction, now: float) -> None:
        """Go on from there, now."""
        self._offset = self._play_time(now) - position

    def _play_time(self, now: float) -> Fraction:
        if self._began is None:
            return Fraction(0)
        if not self._waiting and now - self._last > PAUSE:
            now = self._last
        return Fraction(max(0.0, now - self._began)).limit_denominator(90_000)
