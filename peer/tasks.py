"""Owns tasks that end with their owner."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

#: How long a task that was cancelled may take to end, in seconds.
_PATIENCE = 0.1


class BackgroundTasks:
    """Holds tasks, so that they end with their owner.

    What a task raises goes to the loop's exception handler.

    Args:
        is_expected: Says of what a task raised that it is no fault.
    """

    def __init__(self, is_expected: Callable[[BaseException], bool] = lambda error: False) -> None:
        self._is_expected = is_expected
        self._tasks: set[asyncio.Task[Any]] = set()
        self._released: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something beside the caller."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def release(self, task: asyncio.Task[Any] | None) -> None:
        """Let a task live on when the others end: it is the one that asks for their end."""
        if task in self._tasks:
            self._released.add(task)

    async def join(self) -> None:
        """Wait until every task has ended by itself."""
        others = self._tasks - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)

    async def close(self) -> None:
        """End every task that was not released; one that refuses to end is not waited for long."""
        others = self._tasks - self._released
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=_PATIENCE)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._released.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._is_expected(error):
            task.get_loop().call_exception_handler(
                {
                    "message": f"{task.get_name()} raised {type(error).__name__}: {error}",
                    "exception": error,
                    "task": task,
                }
            )
