"""Task that makes one item per interval for all readers, while there is any."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakSet

from media.mixing.output_buffer import OutputBuffer
from media.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from peer.times import Seconds

T = TypeVar("T")

_log = logging.getLogger(__name__)

#: Seconds behind schedule beyond which items are skipped (ours).
_SKIP_AFTER = 1.0


class PacedProducer(Generic[T]):
    """Makes one numbered item per interval and hands it to the buffer of each reader.

    Nothing is made while there is no reader. Numbers go on meanwhile, so that timestamps computed
    from them keep time.

    Args:
        interval: Seconds between two items.
        make: Makes the item of a number.
        limit: Items that wait for each reader at most.
    """

    def __init__(self, interval: Seconds, make: Callable[[int], Awaitable[T]], limit: int) -> None:
        self._make = make
        self._limit = limit
        self._pace = Pace(interval, skip_after=_SKIP_AFTER)
        # Weak: the buffer of a track that was thrown away goes with it, stopped or not.
        self._buffers: WeakSet[OutputBuffer[T]] = WeakSet()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def running(self) -> bool:
        """True while items are made."""
        return self._task is not None and not self._task.done()

    def buffer(self) -> OutputBuffer[T]:
        """Make the buffer of one more reader; it is closed when the producer is closed."""
        buffer: OutputBuffer[T] = OutputBuffer(self._limit, self._wake)
        if self._closed:
            buffer.close()
        else:
            self._buffers.add(buffer)
        return buffer

    def remove(self, buffer: OutputBuffer[T]) -> None:
        """Close and forget the buffer of a reader; may be called repeatedly."""
        buffer.close()
        self._buffers.discard(buffer)

    async def close(self) -> None:
        """Close all buffers and end the task; may be called repeatedly."""
        self._closed = True
        for buffer in tuple(self._buffers):
            self.remove(buffer)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _wake(self) -> None:
        if not self.running and not self._closed:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while any(buffer.wanted for buffer in self._buffers):
            number = await self._pace.next()
            try:
                made = await self._make(number)
            except Exception:
                # One missing item serves a reader better than the end of all.
                _log.exception("one output was left out")
                continue
            for buffer in tuple(self._buffers):
                if buffer.wanted:
                    buffer.put(made)
