"""Bounded buffer between a producer and the one reader of an output track."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from aiortc.mediastreams import MediaStreamError

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.times import MonotonicTime

T = TypeVar("T")

#: Seconds after its last read for which a reader still counts as reading (ours).
_ACTIVE = 1.0


class OutputBuffer(Generic[T]):
    """Buffers items for one reader and drops the oldest when the reader is too slow.

    Args:
        limit: Greatest number of items that wait.
        wake: Called when a read begins.
    """

    def __init__(self, limit: int, wake: Callable[[], None]) -> None:
        self._items: asyncio.Queue[T | None] = asyncio.Queue(limit)
        self._wake = wake
        self._waiting = 0
        self._read: MonotonicTime | None = None
        self._closed = False

    @property
    def wanted(self) -> bool:
        """True while a read waits, and for one second after the last read."""
        if self._closed:
            return False
        if self._waiting:
            return True
        return self._read is not None and asyncio.get_running_loop().time() - self._read < _ACTIVE

    async def get(self) -> T:
        """Take the oldest item; waits until there is one.

        Raises:
            MediaStreamError: The buffer was closed.
        """
        if self._closed:
            raise MediaStreamError
        if not self.wanted:
            self._clear()  # stale items of an earlier time of reading
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
        """Add an item for the reader; does nothing after `close`."""
        if not self._closed:
            self._make_room()
            self._items.put_nowait(item)

    def close(self) -> None:
        """Drop all items and end the reads; may be called repeatedly."""
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
