"""Runs one callback at a time on the running asyncio loop, after a delay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import Seconds


class Timer:
    """Runs `callback` once after a delay, unless it is started again or cancelled before."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._handle: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        """True while the callback is still to come."""
        return self._handle is not None

    def start(self, delay: Seconds) -> None:
        """Run the callback in `delay` seconds from now, in place of an earlier start."""
        self.cancel()
        self._handle = asyncio.get_running_loop().call_later(delay, self._run)

    def cancel(self) -> None:
        """Do not run the callback."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        self._handle = None
        self._callback()
