from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer.errors import InvalidStateError
from peer.runtime.operations import OperationsChain
from peer.tasks import BackgroundTasks

if TYPE_CHECKING:
    from collections.abc import Awaitable


class Chain:
    """A chain whose operations write down that they began and wait to be told to end."""

    def __init__(self) -> None:
        self.chain = OperationsChain(on_empty=lambda: self.log.append("empty"))
        self.log: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    def start(self, name: str) -> asyncio.Task[None]:
        self.gates[name] = asyncio.Event()
        return asyncio.create_task(self._run(name))

    async def _run(self, name: str) -> None:
        async with self.chain.operation():
            self.log.append(name)
            await self.gates[name].wait()
            if name == "bad":
                raise ValueError(name)


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def ends(work: Awaitable[None]) -> None:
    async with asyncio.timeout(1):
        await work


async def test_operations_run_one_at_a_time_in_the_order_asked_for() -> None:
    chain = Chain()
    tasks = [chain.start(name) for name in ("a", "b", "c")]
    await settle()
    assert chain.log == ["a"]

    for name in ("c", "b", "a"):
        chain.gates[name].set()
    await asyncio.gather(*tasks)

    assert chain.log == ["a", "b", "c", "empty"]


async def test_the_chain_is_empty_only_when_nothing_waits() -> None:
    chain = Chain()
    tasks = [chain.start("a"), chain.start("b")]
    await settle()

    chain.gates["a"].set()
    await tasks[0]
    assert "empty" not in chain.log
    chain.gates["b"].set()
    await tasks[1]

    assert chain.chain.empty
    assert chain.log == ["a", "b", "empty"]


async def test_an_operation_that_fails_lets_the_next_one_run() -> None:
    chain = Chain()
    bad, good = chain.start("bad"), chain.start("good")
    await settle()
    chain.gates["bad"].set()
    chain.gates["good"].set()

    with pytest.raises(ValueError, match="bad"):
        await bad
    await ends(good)


@pytest.mark.parametrize("victim", ["a", "b"])
async def test_an_operation_that_is_cancelled_leaves_no_place_in_the_chain(victim: str) -> None:
    chain = Chain()
    tasks = {name: chain.start(name) for name in ("a", "b", "c")}
    await settle()

    tasks.pop(victim).cancel()
    for gate in chain.gates.values():
        gate.set()
    await ends(asyncio.gather(*tasks.values()))  # type: ignore[arg-type]  # a list of None

    assert chain.chain.empty
    assert chain.log[-1] == "empty"


async def test_a_closed_chain_refuses_new_and_waiting_operations() -> None:
    chain = Chain()
    running, waiting = chain.start("a"), chain.start("b")
    await settle()

    chain.chain.close()
    with pytest.raises(InvalidStateError, match="closed"):
        await chain.start("c")
    chain.gates["a"].set()
    await ends(running)
    with pytest.raises(InvalidStateError, match="closed"):
        await waiting

    assert chain.log == ["a"]


async def test_drained_waits_for_the_operation_that_runs() -> None:
    chain = Chain()
    chain.start("a")
    await settle()
    chain.chain.close()
    drained = asyncio.create_task(chain.chain.drained())
    await settle()
    assert not drained.done()

    chain.gates["a"].set()

    await ends(drained)


async def test_a_task_group_joins_what_ends_by_itself() -> None:
    group, gate, log = BackgroundTasks(), asyncio.Event(), list[str]()

    async def work() -> None:
        await gate.wait()
        log.append("done")

    group.spawn(work(), "work")
    joining = asyncio.create_task(group.join())
    await settle()
    assert not joining.done()
    gate.set()
    await ends(joining)

    assert log == ["done"]
    await ends(group.join())


async def test_a_task_group_ends_its_tasks() -> None:
    group, log = BackgroundTasks(), list[str]()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            log.append("ended")

    group.spawn(work(), "work")
    await settle()
    await group.close()

    assert log == ["ended"]


async def test_a_task_that_closes_its_group_lives_on() -> None:
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


async def test_a_task_that_will_not_end_is_not_waited_for() -> None:
    group, gate = BackgroundTasks(), asyncio.Event()

    async def stubborn() -> None:
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                continue

    group.spawn(stubborn(), "stubborn")
    await settle()
    await ends(group.close())

    gate.set()
    await ends(group.join())


async def test_what_a_task_raises_goes_to_the_loop(loop_complaints: list[str]) -> None:
    group = BackgroundTasks()

    async def fails() -> None:
        raise ValueError("so it is")

    group.spawn(fails(), "the task")
    await group.join()
    await settle()

    assert len(loop_complaints) == 1
    assert "the task raised ValueError: so it is" in loop_complaints[0]
    loop_complaints.clear()


async def test_what_is_expected_goes_nowhere() -> None:
    group = BackgroundTasks(is_expected=lambda error: isinstance(error, ValueError))

    async def fails() -> None:
        raise ValueError("no fault")

    group.spawn(fails(), "the task")
    await group.join()
    await settle()
