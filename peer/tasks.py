"""Runs asyncio tasks that end with the object that started them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

#: Longest wait for cancelled tasks to end, in seconds (ours).
_CANCEL_TIMEOUT = 0.1


class BackgroundTasks:
    """A set of asyncio tasks that end with their owner.

    Exceptions of a task go to the exception handler of the event loop.

    Args:
        is_expected: Tells of an exception of a task whether it is no fault and to be ignored.
    """

    def __init__(self, is_expected: Callable[[BaseException], bool] = lambda error: False) -> None:
        self._is_expected = is_expected
        self._tasks: set[asyncio.Task[Any]] = set()
        self._released: frozenset[asyncio.Task[Any]] = frozenset()

    def __repr__(self) -> str:
        return f"<BackgroundTasks running={len(self._tasks)}>"

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start a coroutine as a task of this set, and return the task."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def release(self, task: asyncio.Task[Any] | None) -> None:
        """Exempt a task from `close`, because it is the one that calls it."""
        if task in self._tasks:
            self._released |= {task}

    async def join(self) -> None:
        """Wait until every task but the present one has ended by itself."""
        others = self._tasks - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)

    async def close(self) -> None:
        """Cancel every task that was not released, and wait at most 0.1 seconds for their end."""
        others = self._tasks - self._released
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=_CANCEL_TIMEOUT)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._released -= {task}
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._is_expected(error):
            task.get_loop().call_exception_handler(
                {
                    "message": f"{task.get_name()} raised {type(error).__name__}: {error}",
                    "exception": error,
                    "task": task,
                }
            )
