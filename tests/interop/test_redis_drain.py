"""A server that stops hands its members over to another one that shares its rooms."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from signaling import Candidate, Reconnect, join
from signaling.server import RedisBackplane, create_app
from tests.support.clock.deadline import DEADLINE
from tests.support.links.cable import cable_to
from tests.support.network.asgi import serve
from tests.support.network.redis import redis_daemon

if TYPE_CHECKING:
    from pathlib import Path

    from signaling import PeerChannel

_MESSAGES, _WHEN = 60, 20


async def _send(channel: PeerChannel, turn: asyncio.Event) -> None:
    for number in range(_MESSAGES):
        if number == _WHEN:
            turn.set()
        await channel.send(Candidate(candidate=str(number)))
        await asyncio.sleep(0)


@pytest.mark.needs("redis-server")
async def test_members_of_a_server_that_stops_go_to_another_without_losing_place_or_message(
    tmp_path: Path,
) -> None:
    async with (
        asyncio.timeout(DEADLINE),
        redis_daemon(tmp_path) as redis,
        RedisBackplane(redis.url) as stopping,
        RedisBackplane(redis.url) as staying,
    ):
        old, new = create_app(backplane=stopping), create_app(backplane=staying)
        async with (
            serve(old) as former,
            serve(new) as latter,
            cable_to(former) as (balancer, address),
            await join(f"{latter}/ws", room="r") as host,
            await join(f"{address}/ws", room="r", reconnect=Reconnect(first_delay=0.01)) as guest,
        ):
            to_guest, to_host = await host.next_channel(), await guest.next_channel()
            member, turn = guest.member, asyncio.Event()
            async with asyncio.TaskGroup() as sending:
                sending.create_task(_send(to_guest, turn))
                sending.create_task(_send(to_host, asyncio.Event()))
                await turn.wait()
                balancer.lead_to(latter)
                await old.drain()
            for channel in (to_guest, to_host):
                for number in range(_MESSAGES):
                    assert await channel.receive() == Candidate(candidate=str(number))
            assert guest.member == member
            # The first way, and the one to the other server.
            assert balancer.connections >= 2
            assert [peer.member for peer in host.peers] == [member]
