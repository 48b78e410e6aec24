"""The room server as a browser sees it: plain WebSockets and plain JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus

from handfast.websocket_protocol import DirectWebSocketProtocol
from signaling.server import Limits, create_app
from tests.support.network import asgi
from tests.support.network.asgi import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

Json: TypeAlias = dict[str, Any]


@pytest.fixture(autouse=True, params=["websockets-sansio", DirectWebSocketProtocol])
def _websocket_protocol(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve by ASGI's own events, and by `DirectFrames`."""
    monkeypatch.setattr(asgi, "websocket_protocol", request.param)


class Page:
    """What a browser does, and no more."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket

    async def send(self, **message: Any) -> None:
        await self.websocket.send(json.dumps(message))

    async def receive(self) -> Json:
        message = json.loads(await self.websocket.recv())
        assert isinstance(message, dict)
        return message

    async def until(self, kind: str) -> Json:
        while (message := await self.receive())["type"] != kind:
            pass
        return message

    async def closing(self) -> ConnectionClosed:
        with pytest.raises(ConnectionClosed) as caught:
            await self.until("the end")
        return caught.value


@contextlib.asynccontextmanager
async def page(url: str, room: str = "demo", **fields: Any) -> AsyncIterator[Page]:
    # Compressed, the messages of these tests would be too small to fill anything.
    async with open_websocket(url, close_timeout=0.5, compression=None) as websocket:
        opened = Page(websocket)
        await opened.send(type="join", room=room, **fields)
        yield opened


@contextlib.asynccontextmanager
async def two_pages(url: str) -> AsyncIterator[tuple[Page, Page]]:
    async with page(url) as first, page(url) as second:
        for each, told in ((first, "peer-joined"), (second, "joined")):
            await each.until(told)
        yield first, second


@contextlib.asynccontextmanager
async def rooms(**bounds: Any) -> AsyncIterator[str]:
    async with serve(create_app(limits=Limits(**bounds))) as url:
        yield f"{url}/ws"


async def test_two_pages_exchange_descriptions_and_candidates() -> None:
    async with rooms() as url, page(url, name="first") as first:
        assert (joined := await first.receive())["peers"] == []
        async with page(url, name="second") as second:
            there = (await second.receive())["peers"]
            assert there == [{"member": joined["member"], "name": "first"}]
            came = await first.receive()
            assert (came["type"], came["name"]) == ("peer-joined", "second")
            await second.send(type="offer", sdp="v=0\r\n")
            await second.send(type="candidate", candidate="candidate:1", sdpMid="0")
            member = came["member"]
            assert await first.receive() == {"type": "offer", "sdp": "v=0\r\n", "from": member}
            assert (await first.receive())["candidate"] == "candidate:1"
            await first.send(type="answer", sdp="v=0\r\n", to=member)
            assert (await second.receive())["type"] == "answer"
        left = await first.receive()
        assert (left["type"], left["member"]) == ("peer-left", member)


async def test_the_app_can_be_mounted_in_another() -> None:
    site = Starlette(routes=[Mount("/some/where", create_app())])
    async with serve(site) as url, two_pages(f"{url}/some/where/ws") as (first, second):
        await first.send(type="offer", sdp="v")
        assert (await second.receive())["sdp"] == "v"


@pytest.mark.parametrize("frame", ["nonsense", '{"type":"offer"}', b"\xff", "x" * 400_000])
async def test_a_bad_message_is_answered_and_the_third_disconnects(frame: str | bytes) -> None:
    async with rooms() as url, two_pages(url) as (first, second):
        for _ in range(2):
            await first.websocket.send(frame)
            assert (await first.receive())["type"] == "error"
        # The other one is not disturbed.
        await first.send(type="offer", sdp="v")
        assert (await second.receive())["type"] == "offer"
        await first.websocket.send(frame)
        error = await first.receive()
        closed = await first.closing()
        assert closed.rcvd is not None
        assert (closed.rcvd.code, closed.rcvd.reason) == (1008, error["code"])
        assert (await second.receive())["type"] == "peer-left"


@pytest.mark.parametrize("first_frame", ["nonsense", '{"type":"offer","sdp":""}', "x" * 400_000])
async def test_first_message_that_is_no_join_is_refused(first_frame: str) -> None:
    async with rooms() as url, open_websocket(url) as websocket:
        await websocket.send(first_frame)
        opened = Page(websocket)
        assert (await opened.receive())["type"] == "error"
        closed = await opened.closing()
        assert closed.rcvd is not None
        assert closed.rcvd.code == 1008


async def test_a_full_room_is_said_to_be_full() -> None:
    async with rooms(members_per_room=1) as url, page(url) as first:
        await first.until("joined")
        async with page(url) as second:
            assert (await second.receive())["code"] == "room-full"
            closed = await second.closing()
            assert closed.rcvd is not None
            assert (closed.rcvd.code, closed.rcvd.reason) == (1013, "room-full")


async def test_silent_connection_is_closed() -> None:
    async with rooms(join_timeout=0.05) as url, open_websocket(url) as websocket:
        opened = Page(websocket)
        assert (await opened.receive())["code"] == "idle"
        closed = await opened.closing()
        assert closed.rcvd is not None
        assert closed.rcvd.reason == "idle"


async def test_member_that_answers_no_ping_is_disconnected() -> None:
    async with rooms(ping_interval=0.02, idle_timeout=0.1) as url, page(url) as opened:
        await opened.until("joined")
        assert (await opened.receive())["type"] == "ping"
        assert (await opened.receive())["code"] == "idle"
        closed = await opened.closing()
        assert closed.rcvd is not None
        assert closed.rcvd.reason == "idle"


async def test_member_that_answers_pings_stays() -> None:
    # So long that a starved machine still answers within it.
    idle = 5.0
    async with rooms(ping_interval=0.05, idle_timeout=idle) as url, page(url) as opened:
        start = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() < start + 1.1 * idle:
            await opened.until("ping")
            await opened.send(type="pong")
        async with page(url) as other:
            assert len((await other.until("joined"))["peers"]) == 1


async def test_a_flood_is_slowed_and_loses_nothing() -> None:
    burst, rate, messages = 5, 50, 20
    async with (
        rooms(messages_per_second=rate, burst=burst) as url,
        two_pages(url) as (first, second),
    ):
        start = asyncio.get_running_loop().time()
        for number in range(messages):
            await first.send(type="offer", sdp=str(number))
        received = [(await second.receive())["sdp"] for _ in range(messages)]
        assert received == [str(number) for number in range(messages)]
        # A burst passes at once, and what follows keeps the rate.
        assert asyncio.get_running_loop().time() - start >= (messages - burst - 1) / rate


async def test_a_member_that_closes_while_it_is_slowed_is_heard_and_is_no_fault_of_others() -> None:
    async with (
        rooms(messages_per_second=50, burst=5) as url,
        two_pages(url) as (first, second),
    ):
        for number in range(20):
            await first.send(type="offer", sdp=str(number))
        leaving = asyncio.create_task(first.websocket.close())
        # To who is about to leave, and has said so.
        for number in range(20):
            await second.send(type="answer", sdp="")
            assert (await second.until("offer"))["sdp"] == str(number)
        await second.until("peer-left")
        await leaving


async def test_a_slow_reader_is_disconnected_and_the_others_are_not() -> None:
    limits = {"messages_per_second": 10_000, "burst": 10_000, "backlog_messages": 8}
    limits |= {"octets_burst": 2**40}
    async with rooms(**limits) as url, two_pages(url) as (first, second):
        slow = await open_websocket(url, max_queue=1, compression=None)
        try:
            await slow.send(json.dumps({"type": "join", "room": "demo"}))
            member = (await first.until("peer-joined"))["member"]
            await second.until("peer-joined")
            sent = 0
            reading = asyncio.create_task(first.until("peer-left"))
            # It never reads: its socket fills up, then its backlog.
            while not reading.done():
                await second.send(type="offer", sdp="x" * 300_000, to=member)
                # The other two stay in step, so that nobody else is slow.
                await second.send(type="candidate", candidate=str(sent))
                sent += 1
            left = await reading
            assert (left["member"], left["reason"]) == (member, "disconnected: too-slow")
            assert sent > limits["backlog_messages"]
        finally:
            slow.transport.abort()
        await first.send(type="offer", sdp="still here")
        while (await second.until("offer"))["sdp"] != "still here":
            pass


def _own_origin(url: str) -> str:
    return url.replace("ws://", "http://").removesuffix("/ws")


@pytest.mark.parametrize(
    ("allowed", "origin"),
    [
        ((), lambda _: None),
        ((), _own_origin),
        (("https://example.org",), lambda _: "https://example.org"),
        (("*",), lambda _: "https://anywhere.example"),
    ],
    ids=["a program", "the page of this server", "a named page", "any page"],
)
async def test_a_page_of_an_allowed_origin_may_connect(
    allowed: tuple[str, ...], origin: Callable[[str], str | None]
) -> None:
    async with serve(create_app(origins=allowed)) as base:
        url = f"{base}/ws"
        async with open_websocket(url, origin=origin(url)) as websocket:  # type: ignore[arg-type] # Origin is a NewType of str
            await websocket.send('{"type":"join","room":"r"}')
            assert json.loads(await websocket.recv())["type"] == "joined"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://[::1", "http://[x]"]
)
async def test_a_page_of_another_origin_may_not(origin: str) -> None:
    async with serve(create_app(origins=("https://example.org",))) as base:
        with pytest.raises(InvalidStatus) as caught:
            await open_websocket(f"{base}/ws", origin=origin)  # type: ignore[arg-type] # Origin is a NewType of str
        assert caught.value.response.status_code == 403


async def test_a_page_of_a_name_that_was_rebound_to_us_may_not_connect() -> None:
    async with serve(create_app(hosts=["rooms.example"])) as base:
        port = int(base.rpartition(":")[2])

        async def opened(name: str) -> None:
            url, origin = f"ws://{name}:{port}/ws", f"http://{name}:{port}"
            async with open_websocket(url, origin=origin, host="127.0.0.1", port=port):  # type: ignore[arg-type] # Origin is a NewType of str
                pass

        await opened("rooms.example")
        with pytest.raises(InvalidStatus, match="403"):
            await opened("evil.example")
