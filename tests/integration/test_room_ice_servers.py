"""Two members of a room meet through a real coturn that only the room server told them of."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer import IceTransportPolicy, PeerConfiguration, PeerConnection
from signaling import Negotiator, connect
from signaling.server import TurnSecret, create_app
from tests.support.clock.deadline import DEADLINE
from tests.support.network.asgi import serve
from tests.support.network.turn import turn_daemon

if TYPE_CHECKING:
    from pathlib import Path

    from signaling import WebSocketChannel

pytestmark = pytest.mark.needs("turnserver")

_SECRET = "north"


def _relayed(channel: WebSocketChannel) -> PeerConnection:
    relay = IceTransportPolicy.RELAY
    return PeerConnection(
        PeerConfiguration(iceServers=channel.ice_servers, iceTransportPolicy=relay)
    )


async def test_members_use_the_turn_credentials_that_the_room_server_made(tmp_path: Path) -> None:
    options = ("--no-tls", "--use-auth-secret", f"--static-auth-secret={_SECRET}")
    async with turn_daemon(tmp_path, *options) as turn:
        url = f"turn:{turn.host}:{turn.port}"
        app = create_app(ice_servers=[TurnSecret(urls=url, secret=_SECRET)])
        async with serve(app) as base:
            first, second = await asyncio.gather(
                *(connect(f"{base}/ws", room="r", name=name) for name in ("one", "two"))
            )
            users = {server.username for end in (first, second) for server in end.ice_servers}
            async with _relayed(first) as left, _relayed(second) as right:
                running = [
                    asyncio.create_task(Negotiator(pc, end, polite=end.polite).run())
                    for pc, end in ((left, first), (right, second))
                ]
                left.createDataChannel("chat")
                async with asyncio.timeout(DEADLINE):
                    await asyncio.gather(left.connected(), right.connected())
            await asyncio.gather(*running)
            await asyncio.gather(first.close(), second.close())
    assert len(users) == 2
