"""Measures how long another process waits, and leaves out its waits for a processor."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from contextlib import suppress
from pathlib import Path

from tests.support.clock.deadline import DEADLINE

#: Seconds for which a program that ends at once waits for something at most (ours).
AT_ONCE = 2.0
#: Seconds between two looks (ours).
_LOOK = 0.02


async def end_of(program: Process) -> tuple[str, float]:
    """Wait until a program has ended; return its stderr, and its idle time in seconds.

    Idle time is what its threads neither computed nor waited for a processor: timers, sockets,
    other processes. So a bound on it holds on a busy machine as well.

    Raises:
        TimeoutError: It goes on for ever.
    """
    loop = asyncio.get_running_loop()
    before = _scheduled(program.pid)
    begun = last = loop.time()
    after = dict(before)
    ending = asyncio.create_task(program.communicate())
    try:
        async with asyncio.timeout(DEADLINE):
            while not ending.done():
                await asyncio.wait({ending}, timeout=_LOOK)
                if seen := _scheduled(program.pid):
                    after |= seen
                    last = loop.time()
        _, errors = await ending
    finally:
        ending.cancel()
    busy = sum(seconds - before.get(thread, 0.0) for thread, seconds in after.items())
    return errors.decode(), max(0.0, last - begun - busy)


def _scheduled(pid: int) -> dict[str, float]:
    """Seconds that each thread has run or waited to run; empty once the process is gone."""
    found = {}
    # A process that ends takes its files with it while they are read.
    with suppress(OSError):
        for each in Path(f"/proc/{pid}/task").iterdir():
            ran, waited, _ = (each / "schedstat").read_text().split()
            found[each.name] = (int(ran) + int(waited)) / 1e9
    return found
