"""Cancels an awaitable at each of its first turns of the loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Coroutine

#: Turns at which a test cancels; what waits for a thread or a socket waits beyond them.
TURNS: Final = range(8)


async def cancelled_at(turn: int, work: Coroutine[Any, Any, object]) -> bool:
    """Cancel a coroutine after so many turns of the loop; True unless it had ended before."""
    task = asyncio.create_task(work)
    for _ in range(turn):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    return task.cancelled()
