"""Closing at every stage: no task, no socket and no complaint is left."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from peer.configuration import IceServer
from peer.ice import CandidateFields, IceParameters
from peer.states import IceRole, IceTransportState
from tests.support.network.ice import End, connected_ends, start, stun_server, two_ends

HELLO = b"\x16hello"
CLOSED = IceTransportState.CLOSED
# Gathering on loopback takes about five turns of the loop, a connection about fifteen.
TURNS = range(30)


@pytest.fixture(autouse=True)
async def leaves_nothing() -> AsyncIterator[None]:
    """Fails the test that leaves a task or a file descriptor behind."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 5.0
    before = descriptors()
    yield
    await turns(2)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert descriptors() == before


def descriptors() -> int:
    return len(os.listdir("/dev/fd"))


async def turns(count: int) -> None:
    """Let the loop run that many times: the finest grain at which close() can interfere."""
    loop = asyncio.get_running_loop()
    for _ in range(count):
        turn = loop.create_future()
        loop.call_soon(turn.set_result, None)
        await turn


async def test_ice_close_before_anything() -> None:
    end = End()
    await end.ice.close()
    assert end.seen.states == [CLOSED]


@pytest.mark.parametrize("count", TURNS)
async def test_ice_close_during_gathering(count: int) -> None:
    async with stun_server(None) as silent:
        end = End(servers=[IceServer(silent.url)], interfaces=["127.0.0.1", "127.0.0.2"])
        gathering = asyncio.create_task(end.ice.gather())
        await turns(count)
        found = len(end.seen.candidates)
        await end.ice.close()
        await gathering
        await turns(5)
        assert len(end.seen.candidates) == found


@pytest.mark.parametrize("count", TURNS)
async def test_ice_close_during_checks(count: int) -> None:
    async with two_ends() as (left, right):
        await left.ice.gather()
        await right.ice.gather()
        start(left, right)
        await turns(count)
        await left.ice.close()
        await right.ice.close()
        assert left.seen.states[-1] is CLOSED


async def test_ice_close_while_turn_server_is_silent() -> None:
    async with stun_server(None) as silent:
        server = IceServer(silent.url.replace("stun:", "turn:"), username="u", credential="p")
        end = End(servers=[server])
        await end.ice.gather()
        await turns(5)
        assert silent.requests > 0
        await end.ice.close()


async def test_ice_close_while_name_is_looked_up() -> None:
    end = End()
    await end.ice.gather()
    end.ice.start(IceParameters.generate(), IceRole.CONTROLLED)
    end.ice.add_remote_candidate(
        CandidateFields("1", 1, "udp", 1, "0b5cf0a4-0000-4000-8000-000000000000.local", 1, "host")
    )
    await turns(5)
    await end.ice.close()


async def test_ice_close_while_checks_stay_unanswered() -> None:
    end = End()
    await end.ice.gather()
    for port in range(1, 9):
        end.ice.add_remote_candidate(
            CandidateFields("1", 1, "udp", port, "127.0.0.1", port, "host")
        )
    end.ice.start(IceParameters.generate(), IceRole.CONTROLLING)
    await turns(5)
    await end.ice.close()


async def test_ice_close_when_connected() -> None:
    async with connected_ends() as (left, right):
        await left.ice.close()
        assert not left.ice.datagrams.send(HELLO)
        assert left.ice.counters.packets_unsent == 1
        await right.ice.close()


async def test_ice_close_twice_and_at_once() -> None:
    async with connected_ends() as (left, _):
        await asyncio.gather(left.ice.close(), left.ice.close())
        await left.ice.close()
        assert left.seen.states.count(CLOSED) == 1


async def test_ice_close_by_caller_that_is_cancelled() -> None:
    async with connected_ends() as (left, _):
        closing = asyncio.create_task(left.ice.close())
        await turns(1)
        closing.cancel()
        await asyncio.wait([closing])
        await left.ice.close()


async def test_ice_close_from_a_callback() -> None:
    async with two_ends() as (left, right):
        closing: list[asyncio.Task[None]] = []

        def close_when_connected() -> None:
            if left.ice.state is IceTransportState.CONNECTED and not closing:
                closing.append(asyncio.create_task(left.ice.close()))

        left.seen.on_news = close_when_connected
        await left.ice.gather()
        await right.ice.gather()
        start(left, right)
        await left.seen.reached(CLOSED)
        await closing[0]


async def test_closed_ice_transport_ignores_calls() -> None:
    end = End()
    await end.ice.close()
    await end.ice.gather()
    end.ice.start(IceParameters.generate(), IceRole.CONTROLLED)
    end.ice.add_remote_candidate(CandidateFields("1", 1, "udp", 1, "127.0.0.1", 1, "host"))
    assert end.ice.local_candidates == ()
    assert end.ice.remote_candidates == ()
    assert end.ice.gathering_state == "new"
    assert end.seen.states == [CLOSED]
