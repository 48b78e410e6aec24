"""Background tasks end with the object that started them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from peer.tasks import BackgroundTasks
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Awaitable


async def run_ready_tasks() -> None:
    """Let every task run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def ends(work: Awaitable[None]) -> None:
    async with asyncio.timeout(DEADLINE):
        await work


async def test_join_waits_for_background_tasks() -> None:
    group, gate, log = BackgroundTasks(), asyncio.Event(), list[str]()

    async def work() -> None:
        await gate.wait()
        log.append("done")

    group.spawn(work(), "work")
    joining = asyncio.create_task(group.join())
    await run_ready_tasks()
    assert not joining.done()
    gate.set()
    await ends(joining)

    assert log == ["done"]
    await ends(group.join())


async def test_close_cancels_background_tasks() -> None:
    group, log = BackgroundTasks(), list[str]()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            log.append("ended")

    group.spawn(work(), "work")
    await run_ready_tasks()
    await group.close()

    assert log == ["ended"]


async def test_background_task_that_calls_close_is_not_cancelled() -> None:
    group, log = BackgroundTasks(), list[str]()
    done = asyncio.Event()

    async def closes() -> None:
        group.release(asyncio.current_task())
        await group.close()
        log.append("after")
        done.set()

    group.spawn(closes(), "closes")
    await ends(done.wait())  # type: ignore[arg-type]  # True

    assert log == ["after"]


async def test_close_does_not_wait_for_background_task_that_ignores_cancellation() -> None:
    group, gate = BackgroundTasks(), asyncio.Event()

    async def stubborn() -> None:
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                continue

    group.spawn(stubborn(), "stubborn")
    await run_ready_tasks()
    await ends(group.close())

    gate.set()
    await ends(group.join())


async def test_exception_of_background_task_goes_to_loop(
    loop_complaints: list[str],
) -> None:
    group = BackgroundTasks()

    async def fails() -> None:
        raise ValueError("so it is")

    group.spawn(fails(), "the task")
    await group.join()
    await run_ready_tasks()

    assert len(loop_complaints) == 1
    assert "the task raised ValueError: so it is" in loop_complaints[0]
    loop_complaints.clear()


async def test_expected_exception_of_background_task_is_ignored() -> None:
    group = BackgroundTasks(is_expected=lambda error: isinstance(error, ValueError))

    async def fails() -> None:
        raise ValueError("no fault")

    group.spawn(fails(), "the task")
    await group.join()
    await run_ready_tasks()
