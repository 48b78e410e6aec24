"""A bounded queue between two tasks that either of them can close."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from signaling.errors import ChannelClosed

_Item = TypeVar("_Item")


class Mailbox(Generic[_Item]):
    """A first-in first-out queue of at most `capacity` items.

    Args:
        capacity: At least 1.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a mailbox holds at least one item, not {capacity}")
        self._capacity = capacity
        self._items: deque[_Item] = deque()
        self._end: ChannelClosed | None = None
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()

    @property
    def closed(self) -> bool:
        """True once no item can be put in any more."""
        return self._end is not None

    def offer(self, item: _Item) -> bool:
        """Put an item in without waiting; returns False if the mailbox is full or closed."""
        if self._end is not None or len(self._items) >= self._capacity:
            return False
        self._items.append(item)
        self._readable.set()
        return True

    def put_back(self, item: _Item) -> None:
        """Put an item that was taken in again, before all others, though it be full or closed."""
        self._items.appendleft(item)
        self._readable.set()

    async def put(self, item: _Item) -> None:
        """Put an item in, and wait for room where there is none.

        Raises:
            ChannelClosed: The mailbox is closed, or was closed while waiting.
        """
        while not self.offer(item):
            self._raise_if_closed()
            self._writable.clear()
            await self._writable.wait()

    async def get(self) -> _Item:
        """Take the oldest item, and wait for one where there is none.

        Raises:
            ChannelClosed: The mailbox is closed and empty.
        """
        while not self._items:
            self._raise_if_closed()
            self._readable.clear()
            await self._readable.wait()
        self._writable.set()
        return self._items.popleft()

    def close(self, end: ChannelClosed, *, discard: bool = False) -> None:
        """Close the mailbox to new items; the first call decides what `get` and `put` raise.

        Args:
            end: The exception that they raise.
            discard: Drop the items inside instead of letting them be taken.
        """
        if self._end is None:
            self._end = end
        if discard:
            self._items.clear()
        self._readable.set()
        self._writable.set()

    def _raise_if_closed(self) -> None:
        if self._end is not None:
            # A new exception each time: one that is raised twice collects both tracebacks.
            raise type(self._end)(self._end.reason)
