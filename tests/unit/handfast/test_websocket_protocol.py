from __future__ import annotations

import asyncio
import tracemalloc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from hypothesis import example, given, settings
from hypothesis import strategies as st
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Close, Frame, Opcode

from handfast.websocket_protocol import DirectWebSocketProtocol
from signaling.server.direct_frames import EXTENSION, DirectFrames
from tests.support.clock.virtual_time import in_virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

_REQUEST = (
    b"GET /ws HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
)
#: Most octets of a message.
_LONGEST = 300


class Transport(asyncio.Transport):
    """A TCP connection as the protocol sees it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = b""
        self.reading = True
        self.closed = self.aborted = False

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

    def abort(self) -> None:
        self.aborted = True


@dataclass
class App:
    """An ASGI app that takes the frames directly where it can, and by ASGI's events else."""

    messages: list[str | bytes] = field(default_factory=list)
    #: Frames that were no messages.
    parts: int = 0
    #: Close code of its WebSocket, once that is closed.
    code: int | None = None
    frames: DirectFrames | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, frame: str | bytes | None) -> None:
        if frame is None:
            self.parts += 1
        else:
            self.messages.append(frame)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self.frames = scope["extensions"].get(EXTENSION)
        if self.frames is not None:
            self.frames.divert(self.hear)
        self.ready.set()
        while (event := await receive())["type"] != "websocket.disconnect":
            text = event.get("text")
            self.messages.append(event["bytes"] if text is None else text)
        self.code = event["code"]
        self.ended.set()


async def is_not_heard(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept a WebSocket, and read nothing of it."""
    await send({"type": "websocket.accept"})
    await asyncio.Event().wait()


async def turns() -> None:
    """Let the loop have more turns than the app needs."""
    for _ in range(20):
        await asyncio.sleep(0)


@dataclass
class Server:
    """One WebSocket that an app has accepted."""

    app: App
    protocol: WebSocketsSansIOProtocol
    transport: Transport

    @classmethod
    async def open(
        cls, kind: type[WebSocketsSansIOProtocol], *, ping_interval: float | None = None
    ) -> Server:
        app, transport = App(), Transport()
        settings: Any = {"ws_max_size": _LONGEST, "ws_per_message_deflate": False}
        config = uvicorn.Config(app, log_config=None, ws_ping_interval=ping_interval, **settings)
        config.load()
        protocol = kind(config, ServerState(), {})
        protocol.connection_made(transport)
        protocol.data_received(_REQUEST)
        await app.ready.wait()
        return cls(app, protocol, transport)

    @property
    def frames(self) -> DirectFrames:
        frames = self.app.frames
        assert frames is not None
        return frames

    def hear(self, data: bytes) -> None:
        """Give it what has arrived, as long as its socket is read at all."""
        if not self.transport.closed:
            self.protocol.data_received(data)

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
@example([b"\x00~"])
@example([of_client(b"x" * 200)[:2], of_client(b"x" * 200)[2:] + _WHOLE])
@given(streams())
@settings(deadline=None)
def test_an_app_hears_what_it_hears_by_uvicorn_s_own_protocol(stream: list[bytes]) -> None:
    async def heard(kind: type[WebSocketsSansIOProtocol], longest_read: int) -> Server:
        server = await Server.open(kind)
        for data in stream:
            for begin in range(0, len(data), longest_read):
                server.hear(data[begin : begin + longest_read])
            await turns()
        await server.end()
        return server

    # Octet by octet, as uvicorn forgets messages that one read of the socket brings together with
    # a broken rule.
    own = asyncio.run(heard(WebSocketsSansIOProtocol, 1))
    ours = asyncio.run(heard(DirectWebSocketProtocol, 10**6))
    assert (ours.app.code, ours.transport.written) == (own.app.code, own.transport.written)
    assert ours.app.messages == own.app.messages


async def test_what_is_held_comes_in_its_turn_and_the_close_after_it() -> None:
    server = await Server.open(DirectWebSocketProtocol)
    frames = server.frames
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
    frames = server.frames
    heard: list[str | bytes] = []

    def hear(frame: str | bytes | None) -> None:
        assert frame is not None
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
    frames = server.frames
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


async def test_nothing_is_written_behind_a_close_that_waits_for_its_turn() -> None:
    server = await Server.open(DirectWebSocketProtocol)
    server.frames.hold()
    server.hear(of_client(b"one") + CLOSE)
    # Another member's message: no fault of theirs.
    server.frames.write("hello")
    server.frames.go_on()
    assert not server.frames.writable
    await server.app.ended.wait()
    assert server.app.messages == ["one"]


async def test_a_client_that_is_held_is_closed_as_soon_as_it_answers() -> None:
    server = await Server.open(DirectWebSocketProtocol)
    server.frames.hold()
    server.hear(of_client(b"one"))
    await server.protocol.send({"type": "websocket.close", "code": 1008})
    server.hear(CLOSE)
    assert (server.app.messages, server.transport.closed) == ([], True)


async def test_what_was_held_is_heard_where_the_connection_is_lost_meanwhile() -> None:
    server = await Server.open(DirectWebSocketProtocol)
    server.frames.hold()
    server.hear(of_client(b"one") + of_client(b"", Opcode.PING) + of_client(b"two"))
    server.hear(of_client(b"", Opcode.CONT) + of_client(b"three"))
    before = server.transport.written
    server.transport.closed = True
    server.protocol.connection_lost(ConnectionResetError())
    server.frames.go_on()
    assert server.app.messages == ["one", "two"]
    # uvloop raises where something is.
    assert server.transport.written == before
    assert not server.transport.reading


#: What one read of a socket may bring (asyncio).
_READ = 256 * 1024


def _peak_of(work: Callable[[], None]) -> int:
    """Return the most octets of memory that it has had at one time."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_what_is_held_takes_no_more_memory_than_its_octets() -> None:
    server = await Server.open(DirectWebSocketProtocol)
    server.frames.hold()
    data = of_client(b"{}") * (_READ // 8)
    assert _peak_of(lambda: server.hear(data)) < _READ
    server.frames.go_on()
    for _ in range(_READ // 8 // 50):
        await asyncio.sleep(0)
    assert (len(server.app.messages), server.transport.reading) == (_READ // 8, True)


async def test_a_message_of_many_parts_takes_no_more_memory_than_its_octets() -> None:
    server = await Server.open(DirectWebSocketProtocol)
    server.hear(of_client(b"", fin=False))
    await turns()
    part = of_client(b"", Opcode.CONT, fin=False)

    def parts() -> None:
        for _ in range(10_000):
            server.protocol.data_received(part)

    assert _peak_of(parts) < 50_000
    server.hear(of_client(b"x" * 200, Opcode.CONT, fin=False) + of_client(b"y", Opcode.CONT))
    assert server.app.messages == ["x" * 200 + "y"]
    # The first ones came before the app took them.
    assert server.app.parts == 10_002


async def test_an_app_that_reads_nothing_keeps_one_message() -> None:
    config = uvicorn.Config(is_not_heard, log_config=None, ws_ping_interval=None)
    config.load()
    protocol, transport = DirectWebSocketProtocol(config, ServerState(), {}), Transport()
    protocol.connection_made(transport)
    protocol.data_received(_REQUEST)
    await turns()
    protocol.data_received(of_client(b"{}") * 1000)
    await turns()
    # Beside the event that it is to be accepted.
    assert (protocol.queue.qsize(), transport.reading) == (2, False)


async def test_who_does_not_read_gets_one_pong_for_all_pings() -> None:
    server = await Server.open(DirectWebSocketProtocol)
    server.protocol.pause_writing()
    before = len(server.transport.written)
    for number in range(1000):
        server.hear(of_client(b"%d" % number, Opcode.PING))
    unread = server.transport.written[before:]
    server.protocol.resume_writing()
    assert (unread, server.transport.written[before:]) == (b"", b"\x8a\x03999")


async def test_pings_and_parts_are_told_as_what_they_cost() -> None:
    server = await Server.open(DirectWebSocketProtocol)
    server.hear(of_client(b"", Opcode.PING) + of_client(b"", Opcode.PONG))
    server.hear(of_client(b"one", fin=False) + of_client(b"two", Opcode.CONT))
    assert (server.app.parts, server.app.messages) == (3, ["onetwo"])


async def test_a_client_that_sends_much_at_once_does_not_keep_others_from_their_turn() -> None:
    server = await Server.open(DirectWebSocketProtocol)
    server.hear(of_client(b"", Opcode.PING) * 1000)
    assert (server.app.parts < 100, server.transport.reading) == (True, False)
    await turns()
    assert (server.app.parts, server.transport.reading) == (1000, True)


async def test_nothing_behind_a_broken_rule_is_looked_at() -> None:
    server = await Server.open(DirectWebSocketProtocol)
    server.hear(of_client(b"", Opcode.CONT) * 1000)
    await server.app.ended.wait()
    assert (server.app.code, server.protocol.queue.qsize()) == (1002, 0)


async def test_a_request_with_a_line_too_long_for_websockets_is_answered_and_closed() -> None:
    config = uvicorn.Config(App(), log_config=None)
    config.load()
    protocol, transport = DirectWebSocketProtocol(config, ServerState(), {}), Transport()
    protocol.connection_made(transport)
    request = _REQUEST.replace(b"host:", b"cookie: " + b"x" * 10_000 + b"\r\nhost:")
    protocol.data_received(request)
    assert transport.written.startswith(b"HTTP/1.1 431 ")
    assert transport.closed


@in_virtual_time
async def test_a_client_that_never_reads_has_its_socket_for_some_seconds_after_the_end() -> None:
    server = await Server.open(DirectWebSocketProtocol)
    server.hear(CLOSE)
    await server.app.ended.wait()
    await asyncio.sleep(10)
    early = server.transport.aborted
    await asyncio.sleep(10)
    assert (early, server.transport.aborted) == (False, True)


@in_virtual_time
async def test_a_client_whose_pong_was_not_read_is_not_given_up() -> None:
    server = await Server.open(DirectWebSocketProtocol, ping_interval=20)
    for _ in range(100):
        server.frames.hold()
        await asyncio.sleep(1)
        server.frames.go_on()
    alive = not server.transport.closed
    await asyncio.sleep(100)
    assert (alive, server.transport.closed) == (True, True)


@pytest.mark.parametrize("wrong", [of_client(b"\xff"), of_client(b"", Opcode.CONT)])
@pytest.mark.parametrize("waits", [True, False])
async def test_a_first_frame_that_breaks_a_rule_is_no_defect_in_the_log(
    wrong: bytes, waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    config = uvicorn.Config(is_not_heard, log_config=None, ws_ping_interval=None)
    config.load()
    protocol, transport = DirectWebSocketProtocol(config, ServerState(), {}), Transport()
    protocol.connection_made(transport)
    protocol.data_received(_REQUEST)
    if waits:
        await turns()
    protocol.data_received(wrong)
    assert transport.closed
    protocol.connection_lost(None)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
