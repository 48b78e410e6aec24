"""Closing at every stage of an ICE restart: no task, no socket and no complaint is left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer.ice import IceParameters
from peer.states import IceTransportState
from peer.transport.ice.timing import IceTiming
from tests.support.links.ice_restarts import begin, connected_sides, opened, restart, under_load
from tests.support.negotiation.connection_state import descriptors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CLOSED = IceTransportState.CLOSED
# Sockets are bound in about three turns of the loop, a restart on loopback takes about ten.
TURNS = range(25)


@pytest.fixture(autouse=True)
async def leaves_nothing() -> AsyncIterator[None]:
    """Fails the test that leaves a task or a file descriptor behind."""
    before = descriptors()
    yield
    await turns(2)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert descriptors() == before


async def turns(count: int) -> None:
    """Let the loop run that many times: the finest grain at which close() can interfere."""
    loop = asyncio.get_running_loop()
    for _ in range(count):
        turn = loop.create_future()
        loop.call_soon(turn.set_result, None)
        await turn


@pytest.mark.parametrize("count", TURNS)
async def test_ice_close_while_restart_binds_sockets(count: int) -> None:
    async with connected_sides() as (left, _):
        opening = asyncio.create_task(left.ice.open(IceParameters.generate()))
        await turns(count)
        await left.ice.close()
        await opening
        assert left.states[-1] is CLOSED


@pytest.mark.parametrize("count", TURNS)
async def test_ice_close_during_restart(count: int) -> None:
    async with connected_sides() as pair:
        await begin(pair)
        await turns(count)
        for side in pair:
            await side.ice.close()
            assert side.states[-1] is CLOSED
            assert side.states.count(CLOSED) == 1


@pytest.mark.parametrize("count", range(5))
async def test_ice_close_while_another_generation_closes(count: int) -> None:
    async with connected_sides() as pair:
        for side, local in zip(pair, await opened(pair), strict=True):
            side.ice.drop(local.username_fragment)
        await turns(count)


@pytest.mark.parametrize("count", range(8))
async def test_cancelled_opening_of_ice_generation_frees_sockets(count: int) -> None:
    async with connected_sides() as (left, _):
        opening = asyncio.create_task(left.ice.open(IceParameters.generate()))
        await turns(count)
        opening.cancel()
        await asyncio.wait([opening])


async def test_ice_generations_close_by_caller_that_is_cancelled() -> None:
    async with connected_sides() as pair:
        await restart(pair)
        closing = asyncio.create_task(pair[0].ice.close())
        await turns(1)
        closing.cancel()
        await asyncio.wait([closing])
        await pair[0].ice.close()


async def test_retired_ice_generations_free_their_sockets() -> None:
    async with connected_sides(IceTiming(retirement=0.02)) as pair:
        before, tasks = descriptors(), len(asyncio.all_tasks())
        async with under_load(pair):
            for _ in range(10):
                former = [side.made[side.active] for side in pair]
                await restart(pair)
                for side, ice in zip(pair, former, strict=True):
                    await side.ended(ice, CLOSED)
        await turns(5)
        assert descriptors() == before
        assert len(asyncio.all_tasks()) <= tasks


async def test_dropped_ice_generations_free_their_sockets() -> None:
    async with connected_sides() as pair:
        before = descriptors()
        for _ in range(10):
            for side, local in zip(pair, await opened(pair), strict=True):
                side.ice.drop(local.username_fragment)
        await turns(5)
        assert descriptors() == before


async def test_unfinished_ice_restarts_keep_bounded_number_of_sockets() -> None:
    async with connected_sides() as pair:
        before = descriptors()
        for _ in range(100):
            await begin(pair)
        await turns(5)
        # Each side keeps three retired ones and one that checks.
        assert descriptors() <= before + 2 * 4
