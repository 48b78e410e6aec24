"""Serves an ASGI app on a free port of the loopback, and tells which."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import uvicorn


def tell(**what: object) -> None:
    """Tell the test of something, in a line of JSON."""
    print(json.dumps(what), flush=True)


async def served(app: Any) -> None:
    """Serve until the program is ended."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    asyncio.get_running_loop().call_soon(lambda: tell(port=listening.getsockname()[1]))
    await server.serve(sockets=[listening])


def serve(app: Any) -> None:
    """Serve until the program is ended."""
    asyncio.run(served(app))
