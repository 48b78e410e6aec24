"""A member that floods a room holds up nobody else, counted in messages and virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import json

import httpx
import pytest

from signaling.server import Limits, create_app
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.network.asgi_member import asgi_member

#: Octets of each message of the flood, of which there is no end, and those who receive it.
_LARGE, _RECEIVERS = 300_000, 15


@in_virtual_time
async def test_a_flood_to_a_full_room_passes_no_faster_than_its_octets_may() -> None:
    limits = Limits(messages_per_second=1e6, burst=10**6)
    async with contextlib.AsyncExitStack() as stack:
        app = create_app(limits=limits)
        others = [await stack.enter_async_context(asgi_member(app, "r")) for _ in range(_RECEIVERS)]
        flooder = await stack.enter_async_context(asgi_member(app, "r"))
        before = others[0].from_app.qsize()
        for _ in range(50):
            flooder.send(type="offer", sdp="x" * _LARGE)
        seconds = 15  # Before the first ping.
        await asyncio.sleep(seconds)
        passed = others[0].from_app.qsize() - before
        allowed = limits.octets_burst + seconds * limits.octets_per_second
        assert 3 < passed <= allowed / (_LARGE * _RECEIVERS) + 1
        assert passed < 50


@in_virtual_time
async def test_no_more_than_one_message_of_a_flood_comes_before_that_of_another_member() -> None:
    # Without any bound for the flooder: even then every other one has its turn.
    limits = Limits(messages_per_second=1e6, burst=10**6, octets_burst=10**12)
    async with contextlib.AsyncExitStack() as stack:
        app = create_app(limits=limits)
        others = [await stack.enter_async_context(asgi_member(app, "r")) for _ in range(_RECEIVERS)]
        flooder = await stack.enter_async_context(asgi_member(app, "r"))
        first = await stack.enter_async_context(asgi_member(app, "quiet"))
        second = await stack.enter_async_context(asgi_member(app, "quiet"))
        for _ in range(200):
            flooder.send(type="offer", sdp="x" * 1000)
        for number in range(20):
            before = others[0].from_app.qsize()
            first.send(type="offer", sdp=str(number))
            await second.until("offer")
            # Read by the app, queued, sent: each is one turn of the loop, or two.
            assert others[0].from_app.qsize() - before <= 6


@in_virtual_time
async def test_who_floods_a_room_for_a_minute_is_told_why_it_is_disconnected() -> None:
    limits = Limits(ping_interval=1000, idle_timeout=2000)
    app = create_app(limits=limits, metrics=True)
    async with asgi_member(app, "r") as other, asgi_member(app, "r", resumable=True) as flooder:
        begun = asyncio.get_running_loop().time()
        for number in range(5000):
            flooder.send(type="offer", sdp=str(number))
        code = None
        while (event := await flooder.from_app.get())["type"] == "websocket.send":
            code = json.loads(event["text"]).get("code", code)
        assert (code, event["code"], event["reason"]) == ("too-fast", 1008, "too-fast")
        assert asyncio.get_running_loop().time() - begun == pytest.approx(60, abs=1)
        told = [await other.receive() for _ in range(other.from_app.qsize())]
        passed = [int(message["sdp"]) for message in told if message["type"] == "offer"]
        # All that was read before has passed.
        assert passed == [*range(len(passed))]
        assert len(passed) == pytest.approx(limits.burst + 60 * limits.messages_per_second, abs=5)
        assert told[-1]["reason"] == "disconnected: too-fast"
        flooder.to_app.put_nowait({"type": "websocket.disconnect", "code": 1008})
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        text = (await client.get("/metrics")).text
    assert 'handfast_disconnects_total{code="too-fast"} 1.0' in text
