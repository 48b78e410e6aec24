"""ASGI middleware of every site of the program: strict security headers, and only its own names."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse

from peer.printable import printable
from signaling.server.origins import OriginPolicy

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: A page loads nothing from elsewhere, runs nothing that is not a file of ours, and cannot be
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
        "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), "
        "speaker-selection=(self)",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)


def site_middleware(hosts: Collection[str]) -> list[Middleware]:
    """Create the middleware of a site.

    Args:
        hosts: Names of this server, besides `localhost` and IP addresses; requests to others get
            nothing, as a page of elsewhere may have rebound its name to our address.
    """
    return [
        Middleware(_SecurityHeaders),
        Middleware(_OwnHosts, policy=OriginPolicy(hosts=frozenset(hosts))),
    ]


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
