"""A member whose connection breaks returns to its room, or says by name that it could not."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from signaling import (
    Candidate,
    ChannelClosed,
    ChannelLost,
    Offer,
    Reconnect,
    join,
)
from signaling.server import Limits, create_app
from tests.support.clock.deadline import DEADLINE
from tests.support.links.cable import Cable, cable_to
from tests.support.network.asgi import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from signaling import PeerChannel

FAST = Reconnect(first_delay=0.01, longest_delay=0.05)


@contextlib.asynccontextmanager
async def host_and_guest(
    reconnect: Reconnect | None = FAST, **bounds: Any
) -> AsyncIterator[tuple[PeerChannel, PeerChannel, Cable]]:
    """Two members; the guest's connection goes over a cable."""
    async with (
        serve(create_app(limits=Limits(**bounds))) as base,
        cable_to(base) as (cable, far),
        await join(f"{base}/ws", room="r") as host,
        await join(f"{far}/ws", room="r", reconnect=reconnect) as guest,
    ):
        yield await host.next_channel(), await guest.next_channel(), cable


async def test_messages_sent_while_disconnected_arrive_once_and_in_order() -> None:
    async with host_and_guest() as (to_guest, to_host, cable):
        for turn in range(5):
            cable.unplug()
            for number in range(10):
                await to_guest.send(Candidate(candidate=f"{turn}.{number} down"))
                await to_host.send(Candidate(candidate=f"{turn}.{number} up"))
            cable.plug_in()
            for number in range(10):
                down, up = await to_host.receive(), await to_guest.receive()
                assert down == Candidate(candidate=f"{turn}.{number} down")
                assert up == Candidate(candidate=f"{turn}.{number} up")


async def test_cuts_in_the_middle_of_a_stream_lose_and_repeat_nothing() -> None:
    count = 150

    async def talk(channel: PeerChannel, cable: Cable | None) -> None:
        for number in range(count):
            await channel.send(Offer(sdp=str(number)))
            if cable is not None and number % 20 == 10:
                cable.cut()

    async def listen(channel: PeerChannel) -> list[str]:
        messages = [await channel.receive() for _ in range(count)]
        return [message.sdp for message in messages if isinstance(message, Offer)]

    async with host_and_guest(burst=1000) as (to_guest, to_host, cable):
        _, _, *heard = await asyncio.gather(
            talk(to_guest, cable), talk(to_host, None), listen(to_guest), listen(to_host)
        )
        assert heard == [[str(number) for number in range(count)]] * 2
        assert cable.connections > 1


async def test_the_other_members_notice_nothing() -> None:
    async with host_and_guest() as (to_guest, to_host, cable):
        cable.cut()
        await to_host.send(Offer(sdp="after"))
        assert await to_guest.receive() == Offer(sdp="after")


async def test_more_than_the_backlog_may_wait_while_the_network_is_gone() -> None:
    async with host_and_guest(burst=1000) as (to_guest, to_host, cable):
        cable.unplug()

        async def send_all() -> None:
            for number in range(400):
                await to_host.send(Candidate(candidate=str(number)))

        sending = asyncio.create_task(send_all())
        await cable.tried(3)
        # It waits for room, and does not drop.
        assert not sending.done()
        cable.plug_in()
        for number in range(400):
            assert await to_guest.receive() == Candidate(candidate=str(number))
        await sending


async def test_reconnection_attempts_are_bounded() -> None:
    reconnect = Reconnect(timeout=0.05, first_delay=0.001, longest_delay=0.01)
    async with host_and_guest(reconnect) as (_, to_host, cable):
        cable.unplug()
        with pytest.raises(ChannelLost, match="did not return within"):
            await to_host.receive()
        assert cable.connections > 1
        with pytest.raises(ChannelLost):
            await to_host.send(Offer(sdp="v"))


async def test_without_reconnect_a_broken_websocket_loses_the_channel() -> None:
    async with host_and_guest(None) as (_, to_host, cable):
        cable.cut()
        with pytest.raises(ChannelLost, match="broke"):
            await to_host.receive()
        assert cable.connections == 1


async def test_member_that_resumes_too_late_is_refused() -> None:
    async with host_and_guest(session_lifetime=0.01) as (to_guest, to_host, cable):
        cable.unplug()
        with pytest.raises(ChannelClosed, match="left"):
            await to_guest.receive()
        cable.plug_in()
        with pytest.raises(ChannelLost, match="session is over"):
            await to_host.receive()


async def test_a_server_that_was_restarted_knows_nobody() -> None:
    async with contextlib.AsyncExitStack() as stack:
        first = contextlib.AsyncExitStack()
        base = await first.enter_async_context(serve(create_app()))
        cable, far = await stack.enter_async_context(cable_to(base))
        room = await stack.enter_async_context(await join(f"{far}/ws", room="r", reconnect=FAST))
        await first.aclose()
        await cable.tried(2)
        again = await stack.enter_async_context(serve(create_app()))
        cable.lead_to(again)
        with pytest.raises(ChannelLost, match="session is over"):
            await room.next_channel()


async def test_a_lost_room_ends_those_who_wait_for_peers() -> None:
    reconnect = Reconnect(timeout=0.01)
    async with (
        serve(create_app()) as base,
        cable_to(base) as (cable, far),
        await join(f"{far}/ws", room="r", reconnect=reconnect) as room,
    ):
        waiting = asyncio.create_task(room.next_channel())
        cable.unplug()
        with pytest.raises(ChannelLost, match="did not return"):
            await waiting


async def test_a_room_can_be_left_while_the_network_is_gone() -> None:
    slow = Reconnect(first_delay=1000, longest_delay=1000)
    async with serve(create_app()) as base, cable_to(base) as (cable, far):
        room = await join(f"{far}/ws", room="r", reconnect=slow)
        cable.unplug()
        async with asyncio.timeout(DEADLINE):
            await room.close()
        names = [str(task.get_coro()) for task in asyncio.all_tasks()]
        assert not [name for name in names if "Link" in name]
