"""Calls back on the event loop at a deadline that may move with every packet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.times import MonotonicTime

#: Seconds by which timers of the event loop may come early: its clock resolution (ours).
_EARLY = 1e-6


class Alarm:
    """Calls back once at the deadline set last.

    A deadline that moves away leaves the timer of the event loop as it is, so that moving it costs
    next to nothing.

    Args:
        clock: Monotonic clock of the deadlines.
        callback: Called with the present time; may set the next deadline.

    Attributes:
        deadline: Time of the next callback; None without one. `set` changes it.
    """

    def __init__(
        self, clock: Callable[[], MonotonicTime], callback: Callable[[MonotonicTime], None]
    ) -> None:
        self._clock = clock
        self._callback = callback
        self.deadline: MonotonicTime | None = None
        # Time of the event loop's timer, at or before the deadline.
        self._due: MonotonicTime = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        """Show the deadline of the next callback."""
        return f"<Alarm deadline={self.deadline}>"

    def set(self, deadline: MonotonicTime | None) -> None:
        """Call back at this deadline instead of the former one; None for no callback."""
        self.deadline = deadline
        if deadline is None:
            return
        if self._handle is not None:
            if self._due <= deadline:
                return
            self._handle.cancel()
        self._start(deadline, now=self._clock())

    def cancel(self) -> None:
        """Cancel the deadline and the timer of the event loop."""
        self.deadline = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _start(self, deadline: MonotonicTime, *, now: MonotonicTime) -> None:
        self._due = deadline
        self._handle = asyncio.get_running_loop().call_later(
            max(0.0, deadline - now), self._on_timer
        )

    def _on_timer(self) -> None:
        self._handle = None
        if self.deadline is None:
            return
        now = self._clock()
        if now + _EARLY < self.deadline:
            self._start(self.deadline, now=now)
            return
        deadline, self.deadline = self.deadline, None
        self._callback(max(now, deadline))
