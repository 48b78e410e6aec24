"""The page of any room, `/room/NAME`: its files, the link to it and that link's QR code.

The name stands in one segment of the path, where a slash of it is `%2F`.
"""

from __future__ import annotations

import io
import socket
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

import segno
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from signaling.server.files import file_response
from signaling.server.origins import host_name, is_own_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

#: Path at which the page asks whether rooms can be recorded, and for a recording.
RECORDINGS_PATH: Final = "/room-recordings"
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


def room_page_routes(
    host: str | None, recordings: Sequence[BaseRoute] | None = None
) -> Sequence[BaseRoute]:
    """Create the routes of the page, to be put beside those of `create_app`.

    Args:
        host: As `shared_host` returns it: for the link where the page itself was opened by a name
            that others cannot use, as `localhost`.
        recordings: Routes of recordings; those that say there are none where it is None.
    """

    async def page(request: Request) -> Response:
        match _segments(request):
            case [name, *_] if not 0 < len(name) <= _LONGEST_NAME:
                return Response(status_code=404)
            case [_]:
                return await file_response(request, _PAGE / "meeting" / "index.html")
            case [name, "invitation"]:
                link = _link(request, host, room=name)
                reachable = not _is_loopback(_host(request, host))
                return JSONResponse({"url": link, "reachable": reachable})
            case [name, "qr.svg"]:
                return Response(
                    _qr_code(_link(request, host, room=name)), media_type="image/svg+xml"
                )
            case _:
                return Response(status_code=404)

    return (
        Route("/room/{rest:path}", page),
        *((Route(RECORDINGS_PATH, _no_recordings),) if recordings is None else recordings),
        *(Mount(f"/{each}", StaticFiles(directory=_PAGE / each)) for each in _FOLDERS),
        Route("/icon.svg", _icon),
    )


def door_route() -> Route:
    """Create the route of `/`: a page that leads to a room by its name."""

    async def door(request: Request) -> Response:
        return await file_response(request, _PAGE / "door.html")

    return Route("/", door)


async def _no_recordings(_: Request) -> Response:
    return JSONResponse({"available": False})


async def _icon(request: Request) -> Response:
    return await file_response(request, _PAGE / "icon.svg")


def _segments(request: Request) -> list[str]:
    """Return what stands behind `/room/`, each segment decoded by itself."""
    path: str = request.scope["path"]
    # The decoded path does not tell a slash of a name from one between two segments.
    raw: bytes = request.scope.get("raw_path") or quote(path).encode()
    # A server may be mounted below a path.
    root: str = request.scope.get("root_path", "").rstrip("/")
    return [unquote(each) for each in raw.decode("latin-1").split("/")[2 + root.count("/") :]]


def _qr_code(link: str) -> bytes:
    svg = io.BytesIO()
    # Dark on light whatever the page's colours: not every reader takes the reverse.
    segno.make(link, error="m", micro=False).save(
        svg, kind="svg", scale=4, dark="#000", light="#fff"
    )
    return svg.getvalue()


def _link(request: Request, host: str | None, *, room: str) -> str:
    url = request.url
    name = quote(room, safe="")
    place = _host(request, host)
    bracketed = f"[{place}]" if ":" in place else place
    port = "" if url.port is None else f":{url.port}"
    root = request.scope.get("root_path", "").rstrip("/")
    return f"{url.scheme}://{bracketed}{port}{root}/room/{name}"


def _host(request: Request, host: str | None) -> str:
    asked = host_name(request.headers.get("host", "")) or "localhost"
    return host if host is not None and _is_loopback(asked) else asked


def _is_loopback(name: str) -> bool:
    return name == "::1" or (
        is_own_address(name) and (name.startswith("127.") or name.endswith("localhost"))
    )
