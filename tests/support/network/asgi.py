"""Runs a real uvicorn server for an ASGI app on a free port of the loopback, inside a test."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Literal

import uvicorn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.types import ASGIApp

#: uvicorn's WebSocket protocol; a test may set another.
websocket_protocol: type[asyncio.Protocol] | Literal["websockets-sansio"] = "websockets-sansio"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the test runner."""
        yield


@contextlib.asynccontextmanager
async def serve(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an app; yields the `ws://` address of the server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # asyncio does it for sockets that it makes itself; 40 ms a message otherwise.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            app, log_level="error", ws=websocket_protocol, timeout_graceful_shutdown=1
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving
