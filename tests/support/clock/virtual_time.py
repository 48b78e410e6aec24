"""An event loop in virtual time, which passes only while the loop has nothing else to do."""

from __future__ import annotations

import asyncio
import functools
import selectors
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec

P = ParamSpec("P")


#: Seconds of real time, ours, for which a datagram may be on its way from one socket of the test to
#: another: the kernel of a busy machine may hand it over a moment later.
_ON_ITS_WAY = 0.001


class _Selector(selectors.DefaultSelector):
    """Selector that advances the time instead of waiting, once no socket holds anything."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        if ready := super().select(0 if timeout == 0 else self._patience):
            return ready
        if timeout is None:
            raise RuntimeError("everything waits, and nothing will come")
        self.now += max(0.0, timeout)
        return super().select(0)

    @property
    def _patience(self) -> float:
        """Seconds for what is on its way; none where the loop has but the pipe to itself."""
        return _ON_ITS_WAY if len(self.get_map()) > 1 else 0.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """Event loop whose timers fire in order, each as soon as no other work is left.

    Sockets of the test may speak to each other on the loopback: what they hold is read before any
    time passes. Threads and other processes know nothing of this time.
    """

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now

    async def getaddrinfo(self, *arguments: Any, **options: Any) -> Any:
        """Look a name up here and now: the thread that asyncio has for it would take real time."""
        return socket.getaddrinfo(*arguments, **options)

    def skip(self, seconds: float) -> None:
        """Let time pass in which nothing runs, as while the process is stopped."""
        self._virtual.now += seconds


def run_in_virtual_time(test: Callable[[], Awaitable[None]]) -> float:
    """Run a coroutine in a loop of its own, and return the virtual seconds that it took."""

    async def main() -> float:
        begun = asyncio.get_running_loop().time()
        await test()
        return asyncio.get_running_loop().time() - begun

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


def in_virtual_time(test: Callable[P, Coroutine[object, object, None]]) -> Callable[P, None]:
    """Run an asynchronous test in a loop of its own, as a decorator."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
