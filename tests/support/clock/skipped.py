"""Lets the timers of a loop fire on an event of the test, however long they are set."""

from __future__ import annotations

import asyncio


def skip(seconds: float) -> None:
    """Set the clock of the running loop ahead, so that timers of that time are due at once.

    A test gives what is to give up all the time that a busy machine may need for what comes first,
    waits for that, and skips the rest.
    """
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign] # of this one loop
