from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from hypothesis import example, given
from hypothesis import strategies as st
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Close, CloseCode, Frame, Opcode

from handfast.websocket_protocol import DirectWebSocketProtocol
from signaling.server.direct_frames import EXTENSION, DirectFrames

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_REQUEST = (
    b"GET /ws HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
)
#: Most octets of a message.
_LONGEST = 300
#: Close codes that say that a rule was broken (RFC 6455 section 7.4.1).
_BROKEN = {CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_DATA, CloseCode.MESSAGE_TOO_BIG}


class Transport(asyncio.Transport):
    """A TCP connection as the protocol sees it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = b""
        self.reading = True
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


@dataclass
class App:
    """An ASGI app that takes the frames directly where it can, and by ASGI's events else."""

    messages: list[str | bytes] = field(default_factory=list)
    #: Close code of its WebSocket, once that is closed.
    code: int | None = None
    frames: DirectFrames | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self.frames = scope["extensions"].get(EXTENSION)
        if self.frames is not None:
            self.frames.divert(self.messages.append)
        self.ready.set()
        while (event := await receive())["type"] != "websocket.disconnect":
            text = event.get("text")
            self.messages.append(event["bytes"] if text is None else text)
        self.code = event["code"]
        self.ended.set()


@dataclass
class Server:
    """One WebSocket that an app has accepted."""

    app: App
    protocol: WebSocketsSansIOProtocol
    transport: Transport

    @classmethod
    async def open(cls, kind: type[WebSocketsSansIOProtocol]) -> Server:
        app, transport = App(), Transport()
        settings: Any = {"ws_max_size": _LONGEST, "ws_per_message_deflate": False}
        config = uvicorn.Config(app, log_config=None, ws_ping_interval=None, **settings)
        config.load()
        protocol = kind(config, ServerState(), {})
        protocol.connection_made(transport)
        protocol.data_received(_REQUEST)
        await app.ready.wait()
        return cls(app, protocol, transport)

    async def hear(self, data: bytes) -> None:
        """Give it what has arrived, and let the app do what it does."""
        if not self.transport.closed:
            self.protocol.data_received(data)
        # More turns of the loop than the app needs.
        for _ in range(20):
            await asyncio.sleep(0)

    async def end(self) -> None:
        """Break the connection."""
        self.protocol.connection_lost(None)
        await self.app.ended.wait()


def of_client(data: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    # Not by its own opcode: what breaks a rule, the library does not write.
    return bytes([fin << 7 | opcode]) + Frame(Opcode.BINARY, data).serialize(mask=True)[1:]


CLOSE = of_client(Close(4000, "bye").serialize(), Opcode.CLOSE)


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """What a client sends, by the rules or not, cut where a network may cut it."""
    octets = st.binary(max_size=2 * _LONGEST)
    texts = st.text(max_size=_LONGEST).map(str.encode)
    frame = st.one_of(
        texts.map(of_client),
        texts.map(of_client),
        st.builds(of_client, octets, st.sampled_from(Opcode), fin=st.booleans()),
        octets,
        st.just(CLOSE),
    )
    reads = draw(st.lists(st.lists(frame, max_size=3).map(b"".join), max_size=5))
    if draw(st.booleans()):
        return reads
    data = b"".join(reads)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    return [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


#: A message whose last part is missing, and one that is whole.
_PART, _WHOLE = of_client(b"one", fin=False), of_client(b"two")


@example([_PART, _WHOLE])
@example([_PART[:-1], _PART[-1:] + _WHOLE])
@example([of_client(_WHOLE)[:6], _WHOLE])
@example([of_client(b"x" * (_LONGEST + 1)) + _WHOLE])
@given(streams())
def test_an_app_hears_what_it_hears_by_uvicorn_s_own_protocol(stream: list[bytes]) -> None:
    async def heard(kind: type[WebSocketsSansIOProtocol]) -> Server:
        server = await Server.open(kind)
        for data in stream:
            await server.hear(data)
        await server.end()
        return server

    own, ours = (
        asyncio.run(heard(kind)) for kind in (WebSocketsSansIOProtocol, DirectWebSocketProtocol)
    )
    assert (ours.app.code, ours.transport.written) == (own.app.code, own.transport.written)
    # uvicorn forgets messages that one read of the socket brings together with a broken rule.
    broken = ours.app.code in _BROKEN
    expected = own.app.messages
    assert ours.app.messages[: len(expected) if broken else None] == expected


async def test_what_is_held_comes_in_its_turn_and_the_close_after_it() -> None:
    server = await Server.open(DirectWebSocketProtocol)
    frames = server.app.frames
    assert frames is not None
    frames.hold()
    assert not server.transport.reading
    # It was on its way.
    server.protocol.data_received(of_client(b"one") + of_client(b"two") + CLOSE)
    await asyncio.sleep(0)
    assert (server.app.messages, server.app.code) == ([], None)
    frames.go_on()
    await server.app.ended.wait()
    assert (server.app.messages, server.app.code) == (["one", "two"], 4000)


async def test_a_holder_in_the_middle_of_what_waits_holds_the_rest() -> None:
    server = await Server.open(DirectWebSocketProtocol)
    frames = server.app.frames
    assert frames is not None
    heard: list[str | bytes] = []

    def hear(frame: str | bytes) -> None:
        heard.append(frame)
        frames.hold()

    frames.divert(hear)
    server.protocol.data_received(b"".join(of_client(b"%d" % number) for number in range(3)))
    assert heard == ["0"]
    frames.go_on()
    assert heard == ["0", "1"]
    frames.go_on()
    assert heard == ["0", "1", "2"]


async def test_frames_that_came_before_they_are_taken_directly_come_first() -> None:
    app, transport = App(), Transport()
    config = uvicorn.Config(app, log_config=None, ws_ping_interval=None)
    config.load()
    protocol = DirectWebSocketProtocol(config, ServerState(), {})
    protocol.connection_made(transport)
    protocol.data_received(_REQUEST + of_client(b"early") + of_client(b"octets", Opcode.BINARY))
    await app.ready.wait()
    protocol.data_received(of_client(b"late"))
    assert app.messages == ["early", b"octets", "late"]
    assert transport.reading


async def test_it_is_not_writable_while_nobody_reads_and_after_the_end() -> None:
    server = await Server.open(DirectWebSocketProtocol)
    frames = server.app.frames
    assert frames is not None
    assert frames.writable
    before = len(server.transport.written)
    frames.write("hello")
    assert server.transport.written[before:] == b"\x81\x05hello"
    server.protocol.pause_writing()
    paused = frames.writable
    server.protocol.resume_writing()
    resumed = frames.writable
    server.protocol.data_received(CLOSE)
    assert (paused, resumed, frames.writable) == (False, True, False)


@pytest.mark.parametrize("kind", [WebSocketsSansIOProtocol, DirectWebSocketProtocol])
async def test_a_request_that_is_refused_is_answered(kind: type[WebSocketsSansIOProtocol]) -> None:
    config = uvicorn.Config(App(), log_config=None)
    config.load()
    protocol, transport = kind(config, ServerState(), {}), Transport()
    protocol.connection_made(transport)
    protocol.data_received(b"GET /ws HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert transport.written.startswith(b"HTTP/1.1 426 ")
