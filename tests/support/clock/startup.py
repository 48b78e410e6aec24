"""Judges how fast a program ends beside how long the same machine took to start it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

#: Seconds in which a program ends on a quiet machine, at most.
AT_ONCE = 2.0
#: Times that a start takes: on a quiet machine, about 2 s as well.
_STARTS = 2


class Startup:
    """Time that a program took to start, which bounds the time that it may take to end."""

    def __init__(self) -> None:
        self._begun = asyncio.get_running_loop().time()
        self._seconds = 0.0

    def finish(self) -> None:
        """Note that the program has started."""
        self._seconds = asyncio.get_running_loop().time() - self._begun

    def __call__(self) -> asyncio.Timeout:
        """Return the timeout of the end: 2 s, or what two starts take on a busy machine."""
        return asyncio.timeout(max(AT_ONCE, _STARTS * self._seconds))


@asynccontextmanager
async def started_within(seconds: float) -> AsyncIterator[Callable[[], asyncio.Timeout]]:
    """Measure how long the program starts inside; gives the timeout of its end."""
    startup = Startup()
    async with asyncio.timeout(seconds):
        yield startup
    startup.finish()
