"""ASGI app of the demo: the page with its security headers, the room server, and recordings."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from handfast.demo.page_recorder import ADDRESS
from peer.printable import printable
from signaling.server import Limits, create_app
from signaling.server.origins import OriginPolicy

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from peer import IceServer
    from signaling.server import TurnSecret

SIGNALING_PATH: Final = "/ws"

#: The page loads nothing from elsewhere, runs nothing that is not a file of ours, and cannot be
#: shown inside another page. `'self'` covers the WebSocket to the same origin (CSP level 3).
_HEADERS: Final = MappingProxyType(
    {
        "Content-Security-Policy": "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "img-src 'self'",
                "connect-src 'self'",
                "media-src 'self' blob:",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
                "require-trusted-types-for 'script'",
            )
        ),
        "Permissions-Policy": "camera=(self), microphone=(self)",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)


def create_site(
    *,
    visitors: int,
    recordings: Mapping[str, Path] = MappingProxyType({}),
    ice_servers: Sequence[IceServer | TurnSecret] = (),
    hosts: Collection[str] = (),
) -> Starlette:
    """Create the ASGI app: the page at `/`, the room server at `/ws`, `/recordings/`.

    Args:
        visitors: Most pages in the room, besides the Python peer.
        recordings: Files to serve, by the last part of their address; may change.
        ice_servers: STUN and TURN servers that members of the room are told of.
        hosts: Names of this server, besides `localhost` and IP addresses; requests to others get
            nothing, as a page of elsewhere may have rebound its name to our address.
    """

    async def serve_recording(request: Request) -> Response:
        path = recordings.get(request.path_params["name"])
        if path is None:
            return Response(status_code=404)
        # Whoever looks at the browser's cache is not who was given the address.
        return FileResponse(path, media_type="video/webm", headers={"Cache-Control": "no-store"})

    return Starlette(
        routes=[
            *create_app(
                limits=Limits(members_per_room=visitors + 1),
                ice_servers=ice_servers,
                hosts=hosts,
            ).routes,
            Route(f"/{ADDRESS}{{name}}", serve_recording),
            Mount("/", StaticFiles(packages=[("handfast", "page")], html=True)),
        ],
        middleware=[
            Middleware(_SecurityHeaders),
            Middleware(_OwnHosts, policy=OriginPolicy(hosts=frozenset(hosts))),
        ],
    )


class _OwnHosts:
    """Answers HTTP requests to names that are not ours with 403."""

    def __init__(self, app: ASGIApp, *, policy: OriginPolicy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The room server judges WebSockets itself.
        if scope["type"] == "http":
            host = Headers(scope=scope).get("host", "")
            if not self._policy.knows_host(host):
                words = f"This server is not known as {printable(host)}; see --allow-host.\n"
                await PlainTextResponse(words, status_code=403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _SecurityHeaders:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                # The page is edited while it is developed, and small: ask if it has changed.
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        await self._app(scope, receive, send_with_headers)
