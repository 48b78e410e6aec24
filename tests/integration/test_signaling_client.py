"""`signaling.connect` and `signaling.join` against the real server."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from signaling import (
    Candidate,
    ChannelClosed,
    ConnectError,
    InsecureUrlError,
    JoinError,
    MessageError,
    Offer,
    PeerMessage,
    WebSocketChannel,
    connect,
    join,
)
from signaling.errors import ErrorCode
from signaling.server import Limits, create_app
from tests.support.network.asgi import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with serve(create_app(limits=Limits(members_per_room=3))) as base:
        yield f"{base}/ws"


def client_tasks() -> list[str]:
    """What still runs for a member: ours, and that of its WebSocket."""
    running = [str(task.get_coro()) for task in asyncio.all_tasks()]
    return [name for name in running if "Link" in name or "keepalive" in name]


@contextlib.asynccontextmanager
async def two_channels(url: str) -> AsyncIterator[tuple[WebSocketChannel, WebSocketChannel]]:
    first, second = await asyncio.gather(
        connect(url, room="r", name="first"), connect(url, room="r", name="second")
    )
    async with first, second:
        yield first, second


async def test_two_peers_exchange_messages_in_order(url: str) -> None:
    async with two_channels(url) as (first, second):
        messages: list[PeerMessage] = [
            Offer(sdp="v=0\r\n"),
            *(Candidate(candidate=str(n)) for n in range(100)),
        ]
        for message in messages:
            await first.send(message)
        assert [await second.receive() for _ in messages] == messages
        await second.send(Candidate())
        assert await first.receive() == Candidate()


async def test_exactly_one_of_two_peers_is_polite(url: str) -> None:
    async with two_channels(url) as (first, second):
        assert {first.polite, second.polite} == {True, False}
        assert {first.peer.name, second.peer.name} == {"first", "second"}


async def test_a_close_ends_the_other_end_after_what_was_sent(url: str) -> None:
    async with two_channels(url) as (first, second):
        await first.send(Offer(sdp="last"))
        await first.close("enough")
        assert [message async for message in second] == [Offer(sdp="last")]
        with pytest.raises(ChannelClosed, match="enough"):
            await second.receive()
        with pytest.raises(ChannelClosed):
            await second.send(Offer(sdp=""))


async def test_a_closed_channel_neither_sends_nor_receives(url: str) -> None:
    async with two_channels(url) as (first, _):
        await first.close()
        await first.close()
        with pytest.raises(ChannelClosed):
            await first.send(Offer(sdp=""))
        with pytest.raises(ChannelClosed):
            await first.receive()


async def test_a_description_of_the_greatest_size_arrives(url: str) -> None:
    async with two_channels(url) as (first, second):
        line = "a=" + "x" * 60 + "\r\n"
        offer = Offer(sdp=line * (256 * 1024 // len(line)))
        await first.send(offer)
        assert await second.receive() == offer


async def test_a_message_too_large_is_refused_before_it_is_sent(url: str) -> None:
    async with two_channels(url) as (first, second):
        with pytest.raises(MessageError, match="at most"):
            await first.send(Offer(sdp="x" * 400_000))
        await first.send(Offer(sdp="small"))
        assert await second.receive() == Offer(sdp="small")


@pytest.mark.parametrize("turns", [0, 1, 3, 10, 30, 100, 300])
async def test_a_connect_that_is_cancelled_leaves_nothing_behind(url: str, turns: int) -> None:
    connecting = asyncio.create_task(connect(url, room="r"))
    # From before the connection is made until after the room is joined, whichever it is now.
    for _ in range(turns):
        await asyncio.sleep(0)
    connecting.cancel()
    await asyncio.wait((connecting,))
    assert connecting.cancelled()
    assert not client_tasks()


async def test_a_room_gives_one_channel_to_each_peer(url: str) -> None:
    async with await join(url, room="r", name="host") as host:
        async with await join(url, room="r", name="a") as a, await join(url, room="r", name="b"):
            channels = [await host.next_channel(), await host.next_channel()]
            assert [channel.peer.name for channel in channels] == ["a", "b"]
            assert [peer.name for peer in host.peers] == ["a", "b"]
            to_host = await a.next_channel()
            await to_host.send(Offer(sdp="from a"))
            await channels[0].send(Offer(sdp="to a"))
            assert await to_host.receive() == Offer(sdp="to a")
            assert await channels[0].receive() == Offer(sdp="from a")
        for channel in channels:
            with pytest.raises(ChannelClosed, match="left"):
                await channel.receive()
        assert host.peers == ()


async def test_a_room_that_is_left_at_once_closes_its_websocket(url: str) -> None:
    room = await join(url, room="r")
    # Nothing has run since the server let us in.
    await room.close()
    assert not client_tasks()


async def test_a_peer_that_left_before_it_was_asked_for_gives_no_channel(url: str) -> None:
    async with await join(url, room="r") as host, await join(url, room="r") as other:
        to_host, to_other = await other.next_channel(), await host.next_channel()
        async with await join(url, room="r", name="brief"):
            to_brief = await other.next_channel()
        with pytest.raises(ChannelClosed, match="left"):
            await to_brief.receive()
        # Sent after the other one knew of the end, so received after the host knows of it.
        await to_host.send(Offer(sdp="v"))
        await to_other.receive()
        async with await join(url, room="r", name="late"):
            assert (await host.next_channel()).peer.name == "late"


async def test_every_pair_of_a_room_has_one_polite_peer(url: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        members = [await stack.enter_async_context(await join(url, room="r")) for _ in range(3)]
        polite: dict[tuple[str, str], bool] = {}
        for member in members:
            for _ in range(2):
                channel = await member.next_channel()
                polite[member.member, channel.peer.member] = channel.polite
        assert len(polite) == 6
        assert all(polite[here, there] != polite[there, here] for here, there in polite)


async def test_channels_end_when_this_end_leaves(url: str) -> None:
    room = await join(url, room="r")
    async with await join(url, room="r"):
        channels = []
        async for channel in room.channels():
            channels.append(channel)
            await room.close()
        with pytest.raises(ChannelClosed, match="this end"):
            await channels[0].receive()
        with pytest.raises(ChannelClosed, match="left"):
            await room.next_channel()


async def test_one_closed_channel_leaves_the_others_open(url: str) -> None:
    async with (
        await join(url, room="r") as host,
        await join(url, room="r") as a,
        await join(url, room="r") as b,
    ):
        to_a, to_b = await host.next_channel(), await host.next_channel()
        await to_a.close("not you")
        from_host = await a.next_channel()
        with pytest.raises(ChannelClosed, match="not you"):
            await from_host.receive()
        await to_b.send(Offer(sdp="you"))
        assert await (await b.next_channel()).receive() == Offer(sdp="you")


async def test_connect_to_a_stopped_server_is_refused() -> None:
    async with serve(create_app()) as base:
        pass
    with pytest.raises(ConnectError, match="cannot be used"):
        await connect(f"{base}/ws", room="r")


async def test_a_server_that_is_none_is_named(url: str) -> None:
    with pytest.raises(ConnectError, match="cannot be used"):
        await connect(f"{url}/nothing/here", room="r")


async def test_a_full_room_is_a_named_error(url: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(await join(url, room="r"))
        with pytest.raises(JoinError) as caught:
            await join(url, room="r")
        assert caught.value.code is ErrorCode.ROOM_FULL


async def test_a_room_name_that_cannot_be_is_a_named_error(url: str) -> None:
    with pytest.raises(JoinError) as caught:
        await join(url, room="")
    assert caught.value.code is ErrorCode.MALFORMED


@pytest.mark.conformance("8.2-transport")
@pytest.mark.parametrize("host", ["example.org", "192.0.2.1", "[2001:db8::1]", "127.0.0.1.example"])
async def test_a_plain_url_beyond_this_machine_is_refused(host: str) -> None:
    with pytest.raises(InsecureUrlError, match="insecure=True"):
        await connect(f"ws://{host}/ws", room="r")


@pytest.mark.parametrize("url", ["", "http://127.0.0.1/", "ws:///ws", "ws://[::1/ws", "nonsense"])
async def test_url_that_is_no_websocket_is_refused(url: str) -> None:
    with pytest.raises(ConnectError, match="URL"):
        await connect(url, room="r")
