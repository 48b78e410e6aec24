"""Owns the demo's ASGI app: the page and its security headers, and the room server beside it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from signaling.server import Limits, create_app

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
        # The page is edited while it is developed, and small: always ask whether it has changed.
        "Cache-Control": "no-cache",
    }
)


def create_site(*, visitors: int) -> Starlette:
    """The app: the page at `/`, the room server at `/ws`.

    Args:
        visitors: How many pages may be in the room together with the Python peer.
    """
    return Starlette(
        routes=[
            *create_app(limits=Limits(members_per_room=visitors + 1)).routes,
            Mount("/", StaticFiles(packages=[("handfast", "page")], html=True)),
        ],
        middleware=[Middleware(_SecurityHeaders)],
    )


class _SecurityHeaders:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)
