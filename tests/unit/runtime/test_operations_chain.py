"""The core serializes operations on descriptions, and its parts show their state in a log line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer import IceServer, PeerConnection
from peer.errors import InvalidStateError
from peer.runtime.operations_chain import OperationsChain
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import loopback

if TYPE_CHECKING:
    from collections.abc import Awaitable


async def test_repr_of_connection_parts_shows_state_and_no_secret() -> None:
    server = IceServer("turn:127.0.0.1:9", username="user", credential="turn-password")
    async with PeerConnection(loopback(iceServers=(server,))) as pc:
        pc.addTransceiver("audio")
        await pc.setLocalDescription()
        core = pc._core  # noqa: SLF001 - what a debugger or a log shows
        assert core.id in repr(core)
        assert "new signaling=have-local-offer transports=['0']" in repr(core)
        (transport,) = core.executor.transports.values()
        assert repr(transport) == "<PeerTransport 0 ice=new dtls=new>"
        (control,) = core.executor.transceivers.values()
        assert repr(control.transceiver) in repr(control)
        parts = [core, core.executor, core.states, core.chain, core.rekeys, transport]
        passwords = {
            "turn-password",
            *(
                line.partition(":")[2]
                for line in (await pc.createOffer()).sdp.splitlines()
                if line.startswith("a=ice-pwd")
            ),
        }
        assert not [p for p in passwords for part in parts if p in repr(part)]


class Chain:
    """An operations chain whose operations log their start and wait for their gate."""

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


async def run_ready_tasks() -> None:
    """Let every task run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def ends(work: Awaitable[None]) -> None:
    async with asyncio.timeout(DEADLINE):
        await work


async def test_operations_run_one_at_a_time_in_order() -> None:
    chain = Chain()
    tasks = [chain.start(name) for name in ("a", "b", "c")]
    await run_ready_tasks()
    assert chain.log == ["a"]

    for name in ("c", "b", "a"):
        chain.gates[name].set()
    await asyncio.gather(*tasks)

    assert chain.log == ["a", "b", "c", "empty"]


async def test_operations_chain_is_empty_when_nothing_runs_or_waits() -> None:
    chain = Chain()
    tasks = [chain.start("a"), chain.start("b")]
    await run_ready_tasks()

    chain.gates["a"].set()
    await tasks[0]
    assert "empty" not in chain.log
    chain.gates["b"].set()
    await tasks[1]

    assert chain.chain.empty
    assert chain.log == ["a", "b", "empty"]


async def test_failed_operation_lets_the_next_one_run() -> None:
    chain = Chain()
    bad, good = chain.start("bad"), chain.start("good")
    await run_ready_tasks()
    chain.gates["bad"].set()
    chain.gates["good"].set()

    with pytest.raises(ValueError, match="bad"):
        await bad
    await ends(good)


@pytest.mark.parametrize("victim", ["a", "b"])
async def test_cancelled_operation_leaves_the_chain(victim: str) -> None:
    chain = Chain()
    tasks = {name: chain.start(name) for name in ("a", "b", "c")}
    await run_ready_tasks()

    tasks.pop(victim).cancel()
    for gate in chain.gates.values():
        gate.set()
    await ends(asyncio.gather(*tasks.values()))  # type: ignore[arg-type]  # a list of None

    assert chain.chain.empty
    assert chain.log[-1] == "empty"


async def test_closed_operations_chain_refuses_new_and_waiting_operations() -> None:
    chain = Chain()
    running, waiting = chain.start("a"), chain.start("b")
    await run_ready_tasks()

    chain.chain.close()
    with pytest.raises(InvalidStateError, match="closed"):
        await chain.start("c")
    chain.gates["a"].set()
    await ends(running)
    with pytest.raises(InvalidStateError, match="closed"):
        await waiting

    assert chain.log == ["a"]


async def test_drained_waits_for_running_operation() -> None:
    chain = Chain()
    chain.start("a")
    await run_ready_tasks()
    chain.chain.close()
    drained = asyncio.create_task(chain.chain.drained())
    await run_ready_tasks()
    assert not drained.done()

    chain.gates["a"].set()

    await ends(drained)
