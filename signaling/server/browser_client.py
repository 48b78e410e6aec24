"""The room client for web pages, served beside the rooms as one ES module (docs/CLIENT.md)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from signaling.server.files import file_response

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

#: Name of the module, and the last part of its URL.
CLIENT_NAME: Final = "handfast-client.js"
_PATH: Final = Path(__file__).parents[1] / "browser" / CLIENT_NAME


async def _serve_client(request: Request) -> Response:
    # Pages of other origins may load it (Fetch section 3.3): it is public, and the WebSocket that
    # it opens is judged by its own Origin. It goes with this version of the server: no
    # cache gives it out unasked, but each may be told that it is the same.
    headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache"}
    return await file_response(request, _PATH, media_type="text/javascript", headers=headers)


def client_route() -> Route:
    """Create the route of the module, which finds the rooms at `ws` beside it."""
    return Route(f"/{CLIENT_NAME}", _serve_client)
