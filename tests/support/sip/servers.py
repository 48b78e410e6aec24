"""SIP servers of the tests, on the loopback: they take messages and send what a test gives them."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from ssl import SSLContext

HOST = "127.0.0.1"


class ServedConnection:
    """One connection to a server of the test.

    Attributes:
        received: What came, as it came: a frame, or what was read at once.
    """

    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(self, data: bytes) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    async def next(self, ending: bytes = b"") -> bytes:
        """Wait for what comes next, until it ends so."""
        data = b""
        async with asyncio.timeout(DEADLINE):
            while not data or not data.endswith(ending):
                data += await self.received.get()
        return data


class SipTestServer:
    """A server of the test.

    Attributes:
        port: Where it listens.
        connections: Those that were opened, in order.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.connections: asyncio.Queue[ServedConnection] = asyncio.Queue()

    async def accept(self) -> ServedConnection:
        """Wait for the next connection."""
        async with asyncio.timeout(DEADLINE):
            return await self.connections.get()


class _Stream(ServedConnection):
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        super().__init__()
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()


class _WebSocket(ServedConnection):
    def __init__(self, socket: ServerConnection) -> None:
        super().__init__()
        self._socket = socket

    async def send(self, data: bytes) -> None:
        await self._socket.send(data.decode())

    async def close(self) -> None:
        await self._socket.close()


@asynccontextmanager
async def stream_server(
    ssl: SSLContext | None = None, port: int = 0
) -> AsyncIterator[SipTestServer]:
    """Run a server of TCP, or TLS."""
    tasks = set()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        connection = _Stream(writer)
        server.connections.put_nowait(connection)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(65_536):
                connection.received.put_nowait(data)
        writer.close()

    listener = await asyncio.start_server(serve_one, HOST, port, ssl=ssl)
    server = SipTestServer(listener.sockets[0].getsockname()[1])
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def websocket_server(
    ssl: SSLContext | None = None, *, subprotocol: str | None = "sip", port: int = 0
) -> AsyncIterator[SipTestServer]:
    """Run a server of WebSockets."""

    async def serve_one(socket: ServerConnection) -> None:
        connection = _WebSocket(socket)
        server.connections.put_nowait(connection)
        with contextlib.suppress(ConnectionClosed):
            async for frame in socket:
                connection.received.put_nowait(frame.encode() if isinstance(frame, str) else frame)

    async with serve(
        serve_one,
        HOST,
        port,
        ssl=ssl,
        subprotocols=[Subprotocol(subprotocol)] if subprotocol else None,
    ) as listener:
        server = SipTestServer(next(iter(listener.sockets)).getsockname()[1])
        yield server


class UdpEnd(asyncio.DatagramProtocol):
    """A socket of UDP of the test.

    Attributes:
        received: Datagrams that came, and where from.
    """

    def __init__(self) -> None:
        self.received: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()

    async def __aenter__(self) -> UdpEnd:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    @property
    def port(self) -> int:
        """The port of the socket."""
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    @property
    def url(self) -> str:
        """URL of a SIP server at this socket."""
        return f"sip:{HOST}:{self.port};transport=udp"

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # it is one
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received.put_nowait((data, addr))

    def send(self, data: bytes, port: int) -> None:
        self._transport.sendto(data, (HOST, port))

    async def next(self) -> tuple[bytes, tuple[str, int]]:
        """Wait for the next datagram."""
        async with asyncio.timeout(DEADLINE):
            return await self.received.get()
