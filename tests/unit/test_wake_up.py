from __future__ import annotations

import asyncio

from peer.wake_up import WakeUp


async def _started(*waits: asyncio.Task[None]) -> None:
    await asyncio.sleep(0)
    assert not any(wait.done() for wait in waits)


async def test_event_that_is_set_does_not_hold_up() -> None:
    event = WakeUp()
    event.set()
    await event.wait()
    assert event.is_set()


async def test_event_wakes_all_who_wait_also_where_it_is_cleared_at_once() -> None:
    event = WakeUp()
    waits = [asyncio.create_task(event.wait()) for _ in range(3)]
    await _started(*waits)
    event.set()
    event.clear()
    await asyncio.gather(*waits)
    assert not event.is_set()


async def test_cleared_event_holds_up_again() -> None:
    event = WakeUp()
    event.set()
    event.clear()
    wait = asyncio.create_task(event.wait())
    await _started(wait)
    event.set()
    await wait


async def test_event_forgets_a_task_that_was_cancelled() -> None:
    event = WakeUp()
    gone, stays = asyncio.create_task(event.wait()), asyncio.create_task(event.wait())
    await _started(gone, stays)
    gone.cancel()
    await asyncio.wait({gone})
    assert repr(event) == "<WakeUp not set, 1 waiting>"
    event.set()
    await stays
    assert repr(event) == "<WakeUp set, 0 waiting>"
