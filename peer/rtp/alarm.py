"""Owns one callback on the event loop, at a deadline that may move with every packet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Timers of the loop may come early by its resolution; in seconds.
_EARLY = 1e-6


class Alarm:
    """Calls back once at the deadline set last.

    A deadline that moves away leaves the timer of the loop as it is, so that moving it costs next
    to nothing.

    Args:
        clock: The monotonic clock, in seconds, that deadlines are of.
        callback: Told the time; sets the next deadline, where there is one.
    """

    def __init__(self, clock: Callable[[], float], callback: Callable[[float], None]) -> None:
        self._clock = clock
        self._callback = callback
        self._deadline: float | None = None
        self._due = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def set(self, deadline: float | None) -> None:
        """Call back at this time instead; None: not at all."""
        self._deadline = deadline
        if deadline is None:
            return
        if self._handle is not None:
            if self._due <= deadline:
                return
            self._handle.cancel()
        self._start(deadline, self._clock())

    def cancel(self) -> None:
        """Call back no more, and release what is called."""
        self._deadline = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _start(self, deadline: float, now: float) -> None:
        self._due = deadline
        self._handle = asyncio.get_running_loop().call_later(max(0.0, deadline - now), self._ring)

    def _ring(self) -> None:
        self._handle = None
        if self._deadline is None:
            return
        now = self._clock()
        if now + _EARLY < self._deadline:
            self._start(self._deadline, now)
            return
        deadline, self._deadline = self._deadline, None
        self._callback(max(now, deadline))
