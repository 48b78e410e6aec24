"""The page of any room, `/room/NAME`: its files, the link to it and that link's QR code."""

from __future__ import annotations

import io
import socket
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import segno
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from signaling.server.files import file_response
from signaling.server.origins import host_name, is_own_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

_PAGE: Final = Path(str(files("handfast"))) / "page"
#: Folders of the demo's page that the page of a room, and the way to it, are made of as well.
_FOLDERS: Final = ("door", "meeting", "style", "view")
#: Most characters of a room's name (docs/SIGNALING.md).
_LONGEST_NAME: Final = 128
#: Addresses that stand for all interfaces.
_ALL_INTERFACES: Final = frozenset({"0.0.0.0", "::"})
#: TEST-NET-1 of RFC 5737: no packet is sent there, but the kernel says from where it would be.
_ELSEWHERE: Final = ("192.0.2.1", 9)


def shared_host(host: str) -> str | None:
    """Return the address of this machine for links that others are to use.

    Args:
        host: What the server listens on.

    Returns:
        None where it is reached from this machine only, or its address is not known.
    """
    if host not in _ALL_INTERFACES:
        return None if _is_loopback(host) else host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return address


def room_page_routes(host: str | None) -> Sequence[BaseRoute]:
    """Create the routes of the page, to be put beside those of `create_app`.

    Args:
        host: As `shared_host` returns it: for the link where the page itself was opened by a name
            that others cannot use, as `localhost`.
    """

    async def page(request: Request) -> Response:
        if len(request.path_params["name"]) > _LONGEST_NAME:
            return Response(status_code=404)
        return await file_response(request, _PAGE / "meeting" / "index.html")

    async def invitation(request: Request) -> Response:
        return JSONResponse(
            {"url": _link(request, host), "reachable": not _is_loopback(_host(request, host))}
        )

    async def qr_code(request: Request) -> Response:
        if len(request.path_params["name"]) > _LONGEST_NAME:
            return Response(status_code=404)
        svg = io.BytesIO()
        # Dark on light whatever the page's colours: not every reader takes the reverse.
        segno.make(_link(request, host), error="m", micro=False).save(
            svg, kind="svg", scale=4, dark="#000", light="#fff"
        )
        return Response(svg.getvalue(), media_type="image/svg+xml")

    return (
        Route("/room/{name}", page),
        Route("/room/{name}/invitation", invitation),
        Route("/room/{name}/qr.svg", qr_code),
        *(Mount(f"/{each}", StaticFiles(directory=_PAGE / each)) for each in _FOLDERS),
        Route("/icon.svg", _icon),
    )


def door_route() -> Route:
    """Create the route of `/`: a page that leads to a room by its name."""

    async def door(request: Request) -> Response:
        return await file_response(request, _PAGE / "door.html")

    return Route("/", door)


async def _icon(request: Request) -> Response:
    return await file_response(request, _PAGE / "icon.svg")


def _link(request: Request, host: str | None) -> str:
    url = request.url
    name = quote(request.path_params["name"], safe="")
    place = _host(request, host)
    bracketed = f"[{place}]" if ":" in place else place
    port = "" if url.port is None else f":{url.port}"
    # A server may be mounted below a path.
    root = request.scope.get("root_path", "").rstrip("/")
    return f"{url.scheme}://{bracketed}{port}{root}/room/{name}"


def _host(request: Request, host: str | None) -> str:
    asked = host_name(request.headers.get("host", "")) or "localhost"
    return host if host is not None and _is_loopback(asked) else asked


def _is_loopback(name: str) -> bool:
    return name == "::1" or (
        is_own_address(name) and (name.startswith("127.") or name.endswith("localhost"))
    )
