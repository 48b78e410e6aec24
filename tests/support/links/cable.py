"""TCP forwarder between a client and a server, whose connections a test can cut."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Cable:
    """Forwards TCP connections to a local port, until it is cut or unplugged.

    Attributes:
        connections: Number of connections made through it.
    """

    def __init__(self, port: int) -> None:
        self.connections = 0
        self._port = port
        self._plugged = True
        self._changed = asyncio.Condition()
        self._streams: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Abort every connection, as a broken network does."""
        for stream in self._streams:
            stream.transport.abort()

    def unplug(self) -> None:
        """Abort every connection, and every new one as soon as it is made."""
        self._plugged = False
        self.cut()

    def plug_in(self) -> None:
        """Forward new connections again."""
        self._plugged = True

    def lead_to(self, url: str) -> None:
        """Forward new connections to another server."""
        self._port = _port(url)

    async def tried(self, connections: int) -> None:
        """Wait until so many connections have been made, those included that were broken."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.connections >= connections)

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection of a client."""
        async with self._changed:
            self.connections += 1
            self._changed.notify_all()
        pair = {writer}
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
            pair.add(far_writer)
            if not self._plugged:
                return
            self._streams |= pair
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        except ConnectionError:
            # The server is gone, and so is this connection.
            return
        finally:
            self._streams -= pair
            for stream in pair:
                stream.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            if writer.transport.is_closing():
                return
            writer.write(data)
            await writer.drain()
    writer.close()


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


@contextlib.asynccontextmanager
async def cable_to(url: str) -> AsyncIterator[tuple[Cable, str]]:
    """Lay a cable to the server of a URL; yields the cable and the URL that leads through it."""
    parts = urlsplit(url)
    cable = Cable(_port(url))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = await asyncio.start_server(cable.forward, sock=listener)
        try:
            yield cable, urlunsplit(parts._replace(netloc=f"127.0.0.1:{listener.getsockname()[1]}"))
        finally:
            server.close()
            cable.unplug()
