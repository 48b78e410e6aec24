"""Task that reads a track for an asynchronous iterator, also while its program is busy."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class ReadAhead:
    """Reads in a task of its own, which begins with the first wait for what it finds.

    Args:
        read: Reads until the track ends, and calls `tell` for all that it finds.
    """

    def __init__(self, read: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._read = read
        self._news = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._closed = False

    def tell(self) -> None:
        """Wake the iterator, as something was found."""
        self._news.set()

    async def wait(self, found: Callable[[], bool]) -> bool:
        """Wait until something is found; returns False where nothing more will be.

        Args:
            found: Whether something is there to be given.

        Raises:
            Exception: Reading failed, and all that it found before was given.
        """
        if self._reading is None and not self._closed:
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(lambda _: self._news.set())
        while not found():
            if self._closed or self._reading is None:
                return False
            if self._reading.done():
                if not self._reading.cancelled():
                    self._reading.result()
                return False
            self._news.clear()
            await self._news.wait()
        return True

    async def aclose(self) -> None:
        """Stop reading, and end the iteration."""
        self._closed = True
        self._news.set()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
