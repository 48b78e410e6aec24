"""A connection that asks for nothing is closed, and one that does is not."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from uvicorn.server import ServerState

from handfast.http_patience import patient_protocol
from handfast.web_server import WebServerOptions, listening, serving
from tests.support.clock.deadline import DEADLINE
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.network.certificate import write_certificate

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

_PATIENCE = 10.0
_WHOLE = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
_SLOW = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
_UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


async def _answer(_: Request) -> Response:
    return PlainTextResponse("here")


async def _answer_slowly(_: Request) -> Response:
    await asyncio.sleep(10 * _PATIENCE)
    return PlainTextResponse("here")


async def _accept(websocket: WebSocket) -> None:
    await websocket.accept()
    async for _ in websocket.iter_text():
        pass


APP = Starlette(
    routes=[Route("/", _answer), Route("/slow", _answer_slowly), WebSocketRoute("/ws", _accept)]
)


class Wire(asyncio.Transport):
    """The server's side of one TCP connection, of which no octet leaves the test."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        config = uvicorn.Config(APP, http=patient_protocol(_PATIENCE), lifespan="off")
        config.load()
        made: Any = config.http_protocol_class
        self._protocol: Any = made(config=config, server_state=ServerState(), app_state={})
        self._protocol.connection_made(self)

    async def receive(self, data: bytes) -> None:
        self._protocol.data_received(data)
        # The app's task answers.
        for _ in range(20):
            await asyncio.sleep(0)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def is_closing(self) -> bool:
        return self.closed

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


@pytest.mark.parametrize("pieces", [(), (b"G",), (_WHOLE[:-2],), (b"G", b"E")])
@in_virtual_time
async def test_a_connection_whose_first_request_never_ends_is_closed(
    pieces: tuple[bytes, ...],
) -> None:
    wire = Wire()
    for piece in pieces:
        await wire.receive(piece)
    await asyncio.sleep(_PATIENCE - 0.1)
    assert not wire.is_closing()
    await asyncio.sleep(0.2)
    assert wire.is_closing()
    assert wire.written == b""


@in_virtual_time
async def test_a_connection_whose_next_request_never_ends_is_closed() -> None:
    wire = Wire()
    await wire.receive(_WHOLE)
    await wire.receive(_WHOLE[:-2])
    assert wire.written.count(b"200 OK") == 1
    await asyncio.sleep(2 * _PATIENCE + 0.1)
    assert wire.is_closing()


@in_virtual_time
async def test_a_connection_that_asks_again_and_again_stays() -> None:
    wire = Wire()
    for number in range(20):
        await wire.receive(_WHOLE)
        assert wire.written.count(b"200 OK") == number + 1
        await asyncio.sleep(3.0)
        assert not wire.is_closing()


@in_virtual_time
async def test_an_answer_may_take_longer() -> None:
    wire = Wire()
    await wire.receive(_SLOW)
    await asyncio.sleep(10 * _PATIENCE + 0.1)
    assert b"200 OK" in wire.written


@in_virtual_time
async def test_a_websocket_may_be_silent_for_longer() -> None:
    wire = Wire()
    await wire.receive(_UPGRADE)
    assert b"101" in wire.written
    # Later uvicorn itself misses the pongs.
    await asyncio.sleep(3.5 * _PATIENCE)
    assert not wire.is_closing()
    wire.close()
    await asyncio.sleep(0.1)


async def test_the_server_of_the_program_closes_a_silent_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("handfast.web_server._HEAD_TIMEOUT", 0.05)
    options = WebServerOptions(port=0)
    with listening(options) as where:
        async with asyncio.timeout(DEADLINE), serving(APP, where, options):
            reader, writer = await asyncio.open_connection("127.0.0.1", where.port)
            assert await reader.read() == b""
            writer.close()


@in_virtual_time
async def test_a_tcp_connection_without_a_tls_handshake_is_closed(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    options = WebServerOptions(port=0, certfile=certificate, keyfile=key)
    with listening(options) as where:
        async with serving(APP, where, options):
            reader, writer = await asyncio.open_connection("127.0.0.1", where.port)
            begun = asyncio.get_running_loop().time()
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            assert asyncio.get_running_loop().time() - begun == pytest.approx(10, abs=1)
            writer.close()
