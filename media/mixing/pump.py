"""Owns the task that makes one thing after each interval, while somebody reads."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakSet

from media.mixing.shelf import Shelf
from media.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

_log = logging.getLogger(__name__)

#: Seconds behind time from which on things are left out.
_PATIENCE = 1.0


class Pump(Generic[T]):
    """Numbers run on while nobody reads, so that time stamps made of them keep time.

    Args:
        interval: In seconds.
        make: Makes the thing of a number.
        limit: How many wait for each reader.
    """

    def __init__(self, interval: float, make: Callable[[int], Awaitable[T]], limit: int) -> None:
        self._make = make
        self._limit = limit
        self._pace = Pace(interval, patience=_PATIENCE)
        # What a track has that was thrown away is forgotten, stopped or not.
        self._shelves: WeakSet[Shelf[T]] = WeakSet()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def running(self) -> bool:
        """Whether anything is made."""
        return self._task is not None and not self._task.done()

    def shelf(self) -> Shelf[T]:
        """For one more reader; closed at once where the pump is."""
        shelf: Shelf[T] = Shelf(self._limit, self._wake)
        if self._closed:
            shelf.close()
        else:
            self._shelves.add(shelf)
        return shelf

    def remove(self, shelf: Shelf[T]) -> None:
        """The reader wants no more; any number of times."""
        shelf.close()
        self._shelves.discard(shelf)

    async def close(self) -> None:
        """End every reader's things; any number of times."""
        self._closed = True
        for shelf in tuple(self._shelves):
            self.remove(shelf)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _wake(self) -> None:
        if not self.running and not self._closed:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while any(shelf.wanted for shelf in self._shelves):
            number = await self._pace.next()
            try:
                made = await self._make(number)
            except Exception:
                # The next one is another chance, which serves a reader better than an end.
                _log.exception("one output was left out")
                continue
            for shelf in tuple(self._shelves):
                if shelf.wanted:
                    shelf.put(made)
