"""Processes of `handfast serve` that share rooms by Redis; one is killed, and its members go on."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from peer import PeerConnection
from signaling import Negotiator, Offer, Reconnect, join
from tests.support.clock.deadline import DEADLINE
from tests.support.links.cable import cable_to
from tests.support.network.process_end import kill
from tests.support.network.redis import RedisDaemon, redis_daemon
from tests.support.project.handfast_program import handfast_program

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

    from signaling import PeerChannel, Room

pytestmark = pytest.mark.needs("redis-server")

#: Patient, as a machine may be three times overloaded.
PATIENT = Reconnect(timeout=DEADLINE, first_delay=0.01, longest_delay=0.2)


@asynccontextmanager
async def serving(redis: RedisDaemon) -> AsyncIterator[tuple[Process, str]]:
    """Run `handfast serve`; yields the process and the address of its server."""
    async with handfast_program("serve", "--port", "0", "--redis", redis.url) as program:
        assert program.stdout is not None
        said = (await program.stdout.readline()).decode()
        found = re.search(r"ws://127\.0\.0\.1:\d+", said)
        if found is None:
            assert program.stderr is not None
            pytest.fail(said + (await program.stderr.read()).decode())
        await _readiness(found.group(), 200)
        yield program, found.group()


async def _readiness(url: str, status: int) -> None:
    async with httpx.AsyncClient(timeout=DEADLINE) as client, asyncio.timeout(DEADLINE):
        readyz = f"{url.replace('ws', 'http', 1)}/readyz"
        while (await client.get(readyz)).status_code != status:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.05)


async def _send(channel: PeerChannel, first: int, last: int) -> None:
    for number in range(first, last + 1):
        await channel.send(Offer(sdp=str(number)))


async def _receive(channel: PeerChannel, count: int) -> list[int]:
    received = [await channel.receive() for _ in range(count)]
    return [int(message.sdp) for message in received if isinstance(message, Offer)]


@asynccontextmanager
async def _call(one: Room, two: Room) -> AsyncIterator[tuple[PeerConnection, PeerConnection]]:
    """Connect two members with a data channel; yields both connections."""
    channels = [await room.next_channel() for room in (one, two)]
    async with PeerConnection() as left, PeerConnection() as right:
        left.createDataChannel("chat")
        negotiating = [
            asyncio.create_task(Negotiator(end, channel, polite=channel.polite).run())
            for end, channel in zip((left, right), channels, strict=True)
        ]
        await asyncio.gather(left.connected(), right.connected())
        yield left, right
        assert not [task for task in negotiating if task.done()]
        for task in negotiating:
            task.cancel()
        await asyncio.gather(*negotiating, return_exceptions=True)


async def test_no_call_and_no_message_is_lost_when_a_server_and_redis_are_killed(
    tmp_path: Path,
) -> None:
    async with asyncio.timeout(3 * DEADLINE), AsyncExitStack() as stack:
        redis = await stack.enter_async_context(redis_daemon(tmp_path))
        (process, here), (_, there) = await asyncio.gather(
            *(stack.enter_async_context(serving(redis)) for _ in range(2))
        )
        cable, far = await stack.enter_async_context(cable_to(here))
        one, caller, callee = [
            await stack.enter_async_context(join(f"{far}/ws", room=room, reconnect=PATIENT))
            for room in ("talk", "call", "call")
        ]
        two = await stack.enter_async_context(join(f"{there}/ws", room="talk", reconnect=PATIENT))
        to_two, to_one = await one.next_channel(), await two.next_channel()
        left, right = await stack.enter_async_context(_call(caller, callee))

        async def kill_in_the_middle() -> None:
            await asyncio.gather(_send(to_two, 1, 60), _send(to_one, 1, 60))
            kill(process)
            cable.lead_to(there)
            await asyncio.gather(_send(to_two, 61, 100), _send(to_one, 61, 100))
            await redis.kill()
            await asyncio.gather(_send(to_two, 101, 120), _send(to_one, 101, 120))
            await _readiness(there, 503)
            assert not {left.connectionState, right.connectionState} & {"failed", "closed"}
            await redis.start()

        _, first, second = await asyncio.gather(
            kill_in_the_middle(), _receive(to_two, 120), _receive(to_one, 120)
        )
        assert first == second == [*range(1, 121)]
        # Who comes now finds both at their old places, and the two of the call can negotiate.
        three = await stack.enter_async_context(join(f"{there}/ws", room="talk"))
        assert {peer.member for peer in three.peers} == {one.member, two.member}
        before = right.remoteDescription
        left.restartIce()
        async with asyncio.timeout(DEADLINE):
            while right.remoteDescription == before:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.05)
        await asyncio.gather(left.connected(), right.connected())
