"""Owns the demo's web server alone, without its Python peer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import uvicorn

from handfast.demo.site import create_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def serve_site() -> AsyncIterator[str]:
    """Page and room server on a free port; the URL of the page."""
    config = uvicorn.Config(
        create_site(visitors=8), log_config=None, log_level="warning", lifespan="off"
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            await serving
