"""ASGI app of the demo: its page, the page of any room, the room server, and recordings."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from handfast.demo.page_recorder import ADDRESS
from handfast.room_page import room_page_routes
from handfast.site_middleware import site_middleware
from signaling.server import Limits, create_app

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from starlette.requests import Request

    from peer import IceServer
    from signaling.server import TurnSecret

SIGNALING_PATH: Final = "/ws"


def create_site(
    *,
    visitors: int,
    recordings: Mapping[str, Path] = MappingProxyType({}),
    ice_servers: Sequence[IceServer | TurnSecret] = (),
    hosts: Collection[str] = (),
    host: str | None = None,
) -> Starlette:
    """Create the ASGI app: the page at `/`, `/room/NAME`, the room server at `/ws`, `/recordings/`.

    Args:
        visitors: Most pages in the room, besides the Python peer.
        recordings: Files to serve, by the last part of their address; may change.
        ice_servers: STUN and TURN servers that members of the room are told of.
        hosts: Names of this server, besides `localhost` and IP addresses; requests to others get
            nothing, as a page of elsewhere may have rebound its name to our address.
        host: As of `room_page_routes`.
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
            *room_page_routes(host),
            Mount("/", StaticFiles(packages=[("handfast", "page")], html=True)),
        ],
        middleware=site_middleware(hosts),
    )
