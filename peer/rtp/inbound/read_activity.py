"""Tells whether the track of a receiver is being read. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds

#: Seconds after a read for which a track counts as read (ours).
LINGER = 2.0


class ReadActivity:
    """The reads of one track: it is read while a read waits, and for 2 seconds after the last.

    An application that works on a frame between two reads, even for a second, keeps the decoder,
    whose return would cost a key frame.

    Args:
        linger: Seconds after a read for which the track counts as read.
    """

    def __init__(self, linger: Seconds = LINGER) -> None:
        self._linger = linger
        self._waiting = 0
        self._last: MonotonicTime | None = None

    def begin(self) -> None:
        """Note that a read begins."""
        self._waiting += 1

    def end(self, now: MonotonicTime) -> None:
        """Note that a read has ended, with a frame or without."""
        self._waiting -= 1
        self._last = now

    @property
    def deadline(self) -> MonotonicTime | None:
        """Time at which the track stops to count as read; None while a read waits."""
        return None if self._waiting or self._last is None else self._last + self._linger

    def is_active(self, now: MonotonicTime) -> bool:
        """True while the track counts as read."""
        if self._waiting:
            return True
        return self._last is not None and now < self._last + self._linger
