"""A client joins again where its session is over, in virtual time and against a scripted server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from signaling import ChannelClosed, ChannelLost, Offer, Reconnect
from signaling.errors import ErrorCode
from signaling.link import Event, Link
from signaling.messages import Error, Join, Joined, Message, Resume, Resumed, decode, encode
from tests.support.clock.virtual_time import in_virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.asyncio.client import ClientConnection


class Socket:
    """A WebSocket whose other end is a script."""

    def __init__(self, reply: Callable[[Message], Message]) -> None:
        self.sent: list[Message] = []
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._reply = reply
        self._frames: asyncio.Queue[str | None] = asyncio.Queue()

    async def send(self, text: str) -> None:
        message = decode(text)
        self.sent.append(message)
        if isinstance(message, Join | Resume):
            self._frames.put_nowait(encode(self._reply(message)))

    async def recv(self) -> str:
        frame = await self._frames.get()
        if frame is None:
            raise ConnectionClosedError(Close(self.close_code or 1006, ""), None)
        return frame

    async def close(self) -> None:
        self.end(1000)

    def end(self, code: int, reason: str = "") -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            self._frames.put_nowait(None)


class Server:
    """Scripted answers to each WebSocket in turn; the last one again and again.

    Attributes:
        sockets: Every WebSocket, and the time at which it was opened.
    """

    def __init__(self, *replies: Callable[[Message], Message]) -> None:
        self.sockets: list[tuple[float, Socket]] = []
        self._replies = list(replies)

    async def dial(self) -> ClientConnection:
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        socket = Socket(reply)
        self.sockets.append((asyncio.get_running_loop().time(), socket))
        return cast("ClientConnection", socket)

    @property
    def first_messages(self) -> list[str]:
        return [type(socket.sent[0]).__name__ for _, socket in self.sockets]


class Owner:
    """Notes what a Link tells."""

    def __init__(self, *, joins_again: bool = True) -> None:
        self.joins_again = joins_again
        self.told: list[str] = []
        self.ended: asyncio.Future[ChannelClosed] = asyncio.get_running_loop().create_future()

    def on_message(self, message: Event) -> None:
        self.told.append(type(message).__name__)

    def on_away(self, reason: str) -> None:
        del reason
        self.told.append("away")

    def on_session_over(self, end: ChannelLost) -> None:
        del end
        self.told.append("over")

    def on_back(self, joined: Joined | None) -> None:
        self.told.append("resumed" if joined is None else f"joined as {joined.member}")

    def on_end(self, end: ChannelClosed) -> None:
        self.ended.set_result(end)


def lets_in(_: Message) -> Message:
    return Joined(member="m", peers=(), session="s")


def knows(_: Message) -> Message:
    return Resumed(received=0)


def refuses(code: ErrorCode) -> Callable[[Message], Message]:
    return lambda _: Error(code=code, reason="no")


async def opened(server: Server, owner: Owner, **options: Any) -> Link:
    reconnect = options.pop("reconnect", Reconnect())
    link = Link(server.dial, reconnect=reconnect, owner=owner, identity_secret="s" * 43)
    await link.open(room="r", name="n", **options)
    return link


@in_virtual_time
async def test_a_session_that_is_over_is_followed_by_a_join_with_the_same_identity() -> None:
    server = Server(lets_in, refuses(ErrorCode.UNKNOWN_SESSION), lets_in)
    owner = Owner()
    link = await opened(server, owner)
    await link.send(Offer(sdp="acknowledged by nobody"))
    await asyncio.sleep(1)
    server.sockets[0][1].end(1006)
    await asyncio.sleep(10)
    assert server.first_messages == ["Join", "Resume", "Join"]
    assert owner.told == ["away", "over", "joined as m"]
    joins = [socket.sent[0] for _, socket in (server.sockets[0], server.sockets[2])]
    assert joins[0] == joins[1]
    # What belonged to the former session is not sent in this one, what comes now is.
    await link.send(Offer(sdp="new"))
    await asyncio.sleep(1)
    assert server.sockets[2][1].sent[1:] == [Offer(sdp="new")]
    await link.close()


@in_virtual_time
async def test_without_participants_the_end_of_a_session_is_the_end() -> None:
    server = Server(lets_in, refuses(ErrorCode.UNKNOWN_SESSION))
    owner = Owner(joins_again=False)
    await opened(server, owner)
    server.sockets[0][1].end(1006)
    assert isinstance(await owner.ended, ChannelLost)
    assert server.first_messages == ["Join", "Resume"]


@pytest.mark.parametrize(
    ("reason", "rejoins"),
    [
        ("idle", True),
        ("too-slow", True),
        ("too-fast", False),
        ("replaced", False),
        ("forbidden", False),
        ("unauthorized", False),
        ("malformed", False),
        ("nonsense", False),
    ],
)
def test_a_server_that_ends_a_session_says_whether_to_return(reason: str, rejoins: bool) -> None:
    @in_virtual_time
    async def run() -> None:
        server, owner = Server(lets_in), Owner()
        link = await opened(server, owner)
        server.sockets[0][1].end(1008, reason)
        await asyncio.sleep(10)
        assert owner.ended.done() is not rejoins
        if not rejoins:
            lost = owner.ended.result()
            assert isinstance(lost, ChannelLost)
            assert (lost.code or "nonsense") == reason
        assert owner.told == (["away", "over", "joined as m"] if rejoins else [])
        await link.close()

    run()


@in_virtual_time
async def test_a_token_that_has_run_out_is_asked_for_again_where_a_function_gives_it() -> None:
    tokens = iter(["first", "second"])
    server, owner = Server(lets_in), Owner()
    link = await opened(server, owner, token=lambda: next(tokens))
    server.sockets[0][1].end(1008, "unauthorized")
    await asyncio.sleep(10)
    joins = [cast("Join", socket.sent[0]) for _, socket in server.sockets]
    assert [join.token for join in joins] == ["first", "second"]
    await link.close()


@in_virtual_time
async def test_a_server_that_ends_each_session_at_once_is_asked_seldom() -> None:
    server, owner = Server(lets_in), Owner()
    link = await opened(server, owner)

    async def kick() -> None:
        kicked = 0
        while True:
            await asyncio.sleep(0.01)
            while kicked < len(server.sockets):
                server.sockets[kicked][1].end(1008, "too-slow")
                kicked += 1

    kicking = asyncio.create_task(kick())
    await asyncio.sleep(600)
    kicking.cancel()
    gaps = [
        later[0] - earlier[0]
        for earlier, later in zip(server.sockets, server.sockets[1:], strict=False)
    ]
    assert max(gaps[:2]) < 0.5
    assert min(gaps[10:]) > 2
    assert 100 < len(server.sockets) < 260
    await link.close()


@in_virtual_time
async def test_a_full_room_is_tried_again_until_the_policy_ends() -> None:
    server = Server(lets_in, refuses(ErrorCode.UNKNOWN_SESSION), refuses(ErrorCode.ROOM_FULL))
    owner = Owner()
    await opened(server, owner, reconnect=Reconnect(timeout=60))
    server.sockets[0][1].end(1006)
    end = await owner.ended
    assert "did not return within 60 s: no" in end.reason
    assert server.first_messages[:2] == ["Join", "Resume"]
    assert set(server.first_messages[2:]) == {"Join"}


@in_virtual_time
async def test_a_send_that_waits_for_room_ends_with_its_session() -> None:
    server = Server(lets_in, refuses(ErrorCode.UNKNOWN_SESSION), lets_in)
    owner = Owner()
    link = await opened(server, owner)
    for _ in range(256):
        await link.send(Offer(sdp="v"))
    waiting = asyncio.create_task(link.send(Offer(sdp="v")))
    await asyncio.sleep(1)
    assert not waiting.done()
    server.sockets[0][1].end(1006)
    with pytest.raises(ChannelLost, match="session ended"):
        await waiting
    await link.close()
