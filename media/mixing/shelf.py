"""Owns what was made for one reader and waits for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from aiortc.mediastreams import MediaStreamError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: Seconds for which a reader that went away is still provided for.
_MEMORY = 1.0


class Shelf(Generic[T]):
    """At most `limit` things; a reader that is slow loses the oldest.

    Args:
        limit: How many wait.
        wake: Called when somebody comes to read.
    """

    def __init__(self, limit: int, wake: Callable[[], None]) -> None:
        self._items: asyncio.Queue[T | None] = asyncio.Queue(limit)
        self._wake = wake
        self._waiting = 0
        self._read: float | None = None
        self._closed = False

    @property
    def wanted(self) -> bool:
        """Whether somebody reads, or did within the last second."""
        if self._closed:
            return False
        if self._waiting:
            return True
        return self._read is not None and asyncio.get_running_loop().time() - self._read < _MEMORY

    async def get(self) -> T:
        """The oldest thing, when there is one.

        Raises:
            MediaStreamError: It was closed.
        """
        if self._closed:
            raise MediaStreamError
        if not self.wanted:
            self._clear()  # of what was made when somebody read here before
        self._waiting += 1
        self._wake()
        try:
            item = await self._items.get()
        finally:
            self._waiting -= 1
            self._read = asyncio.get_running_loop().time()
        if item is None:
            self._items.put_nowait(None)
            raise MediaStreamError
        return item

    def put(self, item: T) -> None:
        """Add one; nothing happens when it is closed."""
        if not self._closed:
            self._make_room()
            self._items.put_nowait(item)

    def close(self) -> None:
        """Nothing more will come; any number of times."""
        if not self._closed:
            self._closed = True
            self._clear()
            self._items.put_nowait(None)

    def _make_room(self) -> None:
        if self._items.full():
            self._items.get_nowait()

    def _clear(self) -> None:
        while not self._items.empty():
            self._items.get_nowait()
