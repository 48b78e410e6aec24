"""Coroutines run at once, in order, and without a task where they do not wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer.transport.adapters.coroutines import SerialExecutor, run_eagerly, run_to_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.transport.adapters.coroutines import Work


class Diary:
    """Notes who ran, and lets a test hold one up."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def quick(self, name: str) -> Callable[[], Work]:
        async def work() -> None:
            self.entries.append(name)

        return work

    def waiting(self, name: str) -> Callable[[], Work]:
        async def work() -> None:
            self.entries.append(f"{name} begins")
            await self.gate
            self.entries.append(f"{name} ends")

        return work

    def failing(self) -> Callable[[], Work]:
        async def work() -> None:
            raise ValueError("on purpose")

        return work


@pytest.fixture
async def diary() -> Diary:
    return Diary()


async def test_coroutine_that_does_not_wait_ends_before_submit_returns(diary: Diary) -> None:
    SerialExecutor("test").submit(diary.quick("a"))
    assert diary.entries == ["a"]


async def test_coroutine_behind_waiting_one_keeps_its_place(diary: Diary) -> None:
    executor = SerialExecutor("test")
    executor.submit(diary.waiting("a"))
    executor.submit(diary.quick("b"))
    executor.submit(diary.waiting("c"))
    executor.submit(diary.quick("d"))
    last = asyncio.get_running_loop().create_future()

    async def finish() -> None:
        last.set_result(None)

    executor.submit(finish)
    assert diary.entries == ["a begins"]
    diary.gate.set_result(None)
    await last
    assert diary.entries == ["a begins", "a ends", "b", "c begins", "c ends", "d"]


async def test_coroutine_submitted_by_another_runs_after_it(diary: Diary) -> None:
    executor = SerialExecutor("test")

    async def outer() -> None:
        executor.submit(diary.quick("inner"))
        diary.entries.append("outer")

    executor.submit(outer)
    assert diary.entries == ["outer", "inner"]


async def test_coroutine_that_raises_is_counted_and_stops_nothing(
    diary: Diary, caplog: pytest.LogCaptureFixture
) -> None:
    executor = SerialExecutor("test")
    executor.submit(diary.failing())
    executor.submit(diary.quick("a"))
    assert (executor.failed, diary.entries) == (1, ["a"])
    assert "on purpose" in caplog.text


async def test_coroutine_queue_is_bounded_and_dropped_ones_never_begin(diary: Diary) -> None:
    executor = SerialExecutor("test", limit=2)
    executor.submit(diary.waiting("a"))
    for name in "bcd":
        executor.submit(diary.quick(name))
    assert executor.dropped == 1
    await executor.close()
    assert diary.entries == ["a begins"]


async def test_serial_executor_close_cancels_waiting_coroutine(diary: Diary) -> None:
    executor = SerialExecutor("test")
    executor.submit(diary.waiting("a"))
    await executor.close()
    executor.submit(diary.quick("b"))
    assert (diary.entries, executor.dropped) == (["a begins"], 1)
    assert diary.gate.cancelled()


async def test_run_eagerly_remainder_passes_exceptions_on(diary: Diary) -> None:
    caught: list[BaseException] = []

    async def work() -> None:
        try:
            await diary.gate
        except ValueError as error:
            caught.append(error)

    rest = run_eagerly(work())
    assert rest is not None
    diary.gate.set_exception(ValueError("later"))
    await rest
    assert [str(error) for error in caught] == ["later"]


async def test_run_to_end_refuses_a_coroutine_that_waits(diary: Diary) -> None:
    with pytest.raises(RuntimeError, match="without waiting"):
        run_to_end(diary.waiting("a")())


async def test_repr_of_serial_executor_shows_state_and_queue(diary: Diary) -> None:
    executor = SerialExecutor("SCTP")
    assert repr(executor) == "<SerialExecutor SCTP idle, 0 queued>"
    executor.submit(diary.waiting("a"))
    executor.submit(diary.quick("b"))
    assert repr(executor) == "<SerialExecutor SCTP running, 1 queued>"
    await executor.close()
    assert repr(executor) == "<SerialExecutor SCTP closed, 0 queued>"
