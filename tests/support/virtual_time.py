"""Owns an event loop whose time passes only while nothing else is to be done."""

from __future__ import annotations

import asyncio
import functools
import selectors
from typing import TYPE_CHECKING, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Waits for timers by moving its own clock. It begins at 0."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Patience(self))

    def time(self) -> float:
        return self.now


class _Patience(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing will ever happen: the test waits for ever")
        self._loop.now += timeout
        return super().select(0)


def in_virtual_time(test: Callable[P, Coroutine[object, object, None]]) -> Callable[P, None]:
    """Run an asynchronous test on such a loop."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
