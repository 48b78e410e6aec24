"""Signals to processes that may have ended, and the end of one that reads its standard input."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process

#: Seconds in which a process ends by itself, before it is killed (ours).
END_TIMEOUT = 5.0


def send_signal(process: Process, number: int) -> None:
    """Send a signal to a process, which may end by itself at this very moment.

    `Process.kill` asks first whether the process has ended, and so takes the status of one that has
    away from asyncio, whose own wait for it then complains of an unknown child process.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def kill(process: Process) -> None:
    """Kill a process, which may end by itself at this very moment."""
    send_signal(process, signal.SIGKILL)


async def end_by_input(process: Process) -> None:
    """Close the standard input of a process, and kill it where that does not end it."""
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_TIMEOUT):
            await process.wait()
    kill(process)
    await process.communicate()
