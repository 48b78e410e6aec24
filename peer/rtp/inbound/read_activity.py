"""Owns whether somebody reads the decoded frames of a receiver."""

from __future__ import annotations

LINGER = 2.0


class ReadActivity:
    """Somebody reads while a read waits, and for some time after the last one.

    An application that works on a frame between two reads, even for a second, is not to lose the
    decoder, whose return would cost a key frame.

    Args:
        linger: For how many seconds after a read nobody has gone.
    """

    def __init__(self, linger: float = LINGER) -> None:
        self._linger = linger
        self._waiting = 0
        self._last: float | None = None

    def begin(self) -> None:
        """A read begins."""
        self._waiting += 1

    def end(self, now: float) -> None:
        """A read has ended, with a frame or without."""
        self._waiting -= 1
        self._last = now

    @property
    def deadline(self) -> float | None:
        """When nobody will be reading any more; None while that cannot be said."""
        return None if self._waiting or self._last is None else self._last + self._linger

    def lasts(self, now: float) -> bool:
        """Whether somebody reads."""
        if self._waiting:
            return True
        return self._last is not None and now < self._last + self._linger
