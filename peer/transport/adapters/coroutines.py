"""Runs coroutines at once and in order, without a task unless one waits.

aiortc's handlers are coroutines that, above our transports, almost never wait. A task for each
packet would cost more than the packet, and would let a later packet overtake an earlier one.
"""

from __future__ import annotations

import asyncio
import logging
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

logger = logging.getLogger(__name__)

Work = Coroutine[Any, Any, None]

#: Coroutines that may queue behind one that waits; more are dropped (ours).
QUEUE_LIMIT = 1024


def run_to_end(work: Work) -> None:
    """Run a coroutine that never waits.

    Raises:
        RuntimeError: The coroutine waited; it has been closed.
    """
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError(f"{work!r} was to end without waiting")


def run_eagerly(work: Work) -> Work | None:
    """Run a coroutine up to its first wait; return the remainder, or None if it ended."""
    try:
        waiting = work.send(None)
    except StopIteration:
        return None
    return _remainder(work, waiting)


async def _remainder(work: Work, waiting: object) -> None:
    await _resume(work, waiting)


@types.coroutine
def _resume(work: Work, waiting: object) -> Generator[object, Any, None]:
    while True:
        try:
            value = yield waiting
        except BaseException as error:  # passed on to the coroutine as it came
            step = _throw(work, error)
        else:
            step = _send(work, value)
        if step is None:
            return
        waiting = step[0]


def _send(work: Work, value: object) -> tuple[object] | None:
    try:
        return (work.send(value),)
    except StopIteration:
        return None


def _throw(work: Work, error: BaseException) -> tuple[object] | None:
    try:
        return (work.throw(error),)
    except StopIteration:
        return None


class SerialExecutor:
    """Runs coroutines strictly in order: at once as a rule, queued behind one that waits.

    Args:
        name: Subject of the log records.
        limit: Coroutines that may queue; more are dropped and counted.

    Attributes:
        dropped: Coroutines that found the queue full.
        failed: Coroutines that raised.
    """

    def __init__(self, name: str, limit: int = QUEUE_LIMIT) -> None:
        self._name = name
        self._limit = limit
        self._queue: list[Callable[[], Work]] = []
        self._running = False
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.dropped = 0
        self.failed = 0

    def __repr__(self) -> str:
        state = "closed" if self._closed else "running" if self._running else "idle"
        return f"<SerialExecutor {self._name} {state}, {len(self._queue)} queued>"

    def submit(self, make: Callable[[], Work]) -> None:
        """Run the coroutine that `make` returns, after all submitted before it; never raises.

        `make` is called only when its turn comes, so that a dropped coroutine never began.
        """
        if self._closed or len(self._queue) >= self._limit:
            self.dropped += 1
            return
        self._queue.append(make)
        if not self._running:
            self._drain()

    async def close(self) -> None:
        """Drop the queued coroutines and cancel the one that waits."""
        self._closed = True
        self._queue.clear()
        if self._task is not None:
            # A task that is cancelled before its first step would not tell the coroutine.
            await asyncio.sleep(0)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _drain(self) -> None:
        self._running = True
        while self._queue:
            try:
                rest = run_eagerly(self._queue.pop(0)())
            except Exception as error:  # one bad packet must not stop the others
                self._report(error)
                continue
            if rest is not None:
                self._task = asyncio.ensure_future(self._finish(rest))
                return
        self._running = False

    async def _finish(self, rest: Work) -> None:
        try:
            await rest
        except Exception as error:  # as in _drain
            self._report(error)
        self._task = None
        if not self._closed:
            self._drain()

    def _report(self, error: Exception) -> None:
        self.failed += 1
        level = logging.WARNING if self.failed == 1 else logging.DEBUG
        logger.log(level, "%s: a packet could not be handled: %r", self._name, error)
