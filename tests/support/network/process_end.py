"""The end of a process that goes on until its standard input is closed."""

from __future__ import annotations

import asyncio
import contextlib

#: Seconds in which a process ends by itself, before it is killed (ours).
END_TIMEOUT = 5.0


async def end_by_input(process: asyncio.subprocess.Process) -> None:
    """Close the standard input of a process, and kill it where that does not end it."""
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_TIMEOUT):
            await process.wait()
    if process.returncode is None:
        process.kill()
    await process.communicate()
