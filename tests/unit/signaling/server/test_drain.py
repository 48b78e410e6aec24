"""A room server that is to stop lets its members go without a loss, and takes nobody in."""

from __future__ import annotations

import asyncio

import pytest

from signaling.server import JoinRequest, Limits, Rights, create_app
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.network.asgi_member import AsgiMember, asgi_member


async def closed(member: AsgiMember) -> tuple[list[str], int]:
    """What a member is sent before it is closed, and the close code, to which it answers."""
    types: list[str] = []
    while (event := await member.from_app.get())["type"] == "websocket.send":
        types.append(event["text"].split('"')[3])
    assert event["type"] == "websocket.close"
    member.to_app.put_nowait({"type": "websocket.disconnect", "code": event["code"]})
    return types, event["code"]


async def test_members_are_sent_what_waits_and_are_told_to_return() -> None:
    app = create_app()
    async with (
        asgi_member(app, "r", resumable=True) as first,
        asgi_member(app, "r", resumable=True) as second,
    ):
        second.send(type="offer", sdp="v")
        # Read by the app, and waiting for the first member, or sent.
        await second.until("ack")
        draining = asyncio.create_task(app.drain())
        assert await closed(first) == (["peer-joined", "offer"], 1012)
        # Nobody is said to have left: each keeps its place.
        assert await closed(second) == ([], 1012)
        await draining


async def test_nobody_is_let_in_while_the_server_stops() -> None:
    app = create_app()
    await app.drain()
    with pytest.raises(AssertionError, match="refused: 503"):
        async with asgi_member(app, "r"):
            pass


async def test_whoever_is_judged_while_the_server_stops_is_told_to_return() -> None:
    judged, draining = asyncio.Event(), asyncio.Event()

    async def authorize(_: JoinRequest) -> Rights:
        judged.set()
        await draining.wait()
        return Rights()

    app = create_app(authorize=authorize)

    async def come() -> None:
        async with asgi_member(app, "r") as member:
            assert await closed(member) == ([], 1012)

    coming = asyncio.create_task(come())
    await judged.wait()
    await app.drain()
    draining.set()
    await coming


@in_virtual_time
async def test_member_that_reads_nothing_holds_up_the_end_for_five_seconds() -> None:
    app = create_app()
    async with asgi_member(app, "r") as member:
        member.reads.clear()
        begun = asyncio.get_running_loop().time()
        await app.drain()
        assert asyncio.get_running_loop().time() - begun == 5
        member.reads.set()


@in_virtual_time
async def test_member_that_is_slowed_holds_up_the_end_for_five_seconds() -> None:
    app = create_app(limits=Limits(messages_per_second=0.01, burst=1, idle_timeout=1e3))
    async with asgi_member(app, "r") as member:
        for _ in range(3):
            member.send(type="offer", sdp="v")
        await member.until("error")
        await app.drain()
        # The task of the ASGI server has ended by itself: nobody has to cancel it.
        await asyncio.wait_for(member.serving, timeout=1)
