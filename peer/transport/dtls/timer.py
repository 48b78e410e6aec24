"""Owns one callback at a time on the running loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Timer:
    """Runs `callback` once after a delay, unless it is started again or cancelled before."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._handle: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        """Whether the callback is still to come."""
        return self._handle is not None

    def start(self, delay: float) -> None:
        """Let it run in `delay` seconds from now."""
        self.cancel()
        self._handle = asyncio.get_running_loop().call_later(delay, self._run)

    def cancel(self) -> None:
        """Let it not run."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        self._handle = None
        self._callback()
