"""The room client for web pages, served beside the rooms as an ES module (docs/CLIENT.md)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from peer.errors import ConfigurationError
from peer.trust.phrase import word_list
from signaling.server.files import file_response

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

#: Name of the module, and the last part of its URL.
CLIENT_NAME: Final = "handfast-client.js"
#: Module that the client loads where phrases are compared (docs/TRUST.md).
PHRASE_NAME: Final = "handfast-phrase.js"
#: Module that keeps known peers and the page's own certificate (docs/TRUST.md).
TRUST_NAME: Final = "handfast-trust.js"
#: List of words for phrases, where `mnemonic` is installed.
WORDS_NAME: Final = "handfast-words.json"
_FOLDER: Final = Path(__file__).parents[1] / "browser"


async def _serve_module(request: Request) -> Response:
    # Pages of other origins may load it (Fetch section 3.3): it is public, and the WebSocket that
    # it opens is judged by its own Origin. It goes with this version of the server: no
    # cache gives it out unasked, but each may be told that it is the same.
    headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache"}
    path = _FOLDER / request.url.path.rpartition("/")[2]
    return await file_response(request, path, media_type="text/javascript", headers=headers)


async def _serve_words(request: Request) -> Response:
    headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=86400"}
    try:
        return JSONResponse(word_list(), headers=headers)
    except ConfigurationError as error:
        return PlainTextResponse(str(error), status_code=404, headers=headers)


def client_routes() -> list[Route]:
    """Create the routes of the module and its parts; it finds the rooms at `ws` beside it."""
    return [
        Route(f"/{CLIENT_NAME}", _serve_module),
        Route(f"/{PHRASE_NAME}", _serve_module),
        Route(f"/{TRUST_NAME}", _serve_module),
        Route(f"/{WORDS_NAME}", _serve_words),
    ]
