"""A program that leaves a room, as the others in it are told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect

from signaling import join
from signaling.server import create_app
from tests.support.clock.deadline import DEADLINE
from tests.support.network.asgi import serve


@pytest.mark.parametrize("with_participants", [True, False])
async def test_program_that_leaves_says_goodbye_first_so_that_no_page_waits_for_its_return(
    with_participants: bool,
) -> None:
    async with (
        asyncio.timeout(DEADLINE),
        serve(create_app()) as url,
        connect(f"{url}/ws") as other,
    ):
        await other.send('{"type":"join","room":"r"}')
        async with join(f"{url}/ws", room="r") as room:
            if with_participants:
                room.on("message", print)
            member = room.member
        said: list[dict[str, Any]] = []
        while not said or said[-1]["type"] != "peer-left":
            said.append(json.loads(await other.recv()))

    told = [message for message in said if message["type"] in ("bye", "peer-left")]
    assert [message["type"] for message in told][-2:] == ["bye", "peer-left"]
    assert told[-2]["from"] == told[-1]["member"] == member
