"""Plays recordings in a real browser, by its own means or by hls.js, and tells what happened.

::

    async with open_player("chromium", folder) as player:
        played = await player.play("call.mp4")
        assert played.trouble is None
"""

from __future__ import annotations

import contextlib
import json
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tests.support.browser.browsers import open_browser
from tests.support.network.asgi import serve
from tests.support.project.tools import NODE_MODULES

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request
    from starlette.types import Scope

    from tests.support.browser.browsers import Page

#: Seconds for one file, which ends by itself where nothing moves any more.
LIMIT = 120.0
_PROGRAM = Path(__file__).with_name("player.js")
_HLS_JS = NODE_MODULES / "hls.js" / "dist" / "hls.min.js"
_TYPES = {".m3u8": "application/vnd.apple.mpegurl", ".m4s": "video/iso.segment"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """Report of a browser on one file; times in seconds of the file.

    Args:
        duration: At `loadedmetadata`; None where it is infinite.
        lasting: Duration once the file had ended; None before.
        width: Of the first picture, in pixels.
        height: Of the first picture, in pixels.
        end: Where it stood at last.
        pictures: That were decoded until then.
        stalls: Where it waited after it had begun; a busy machine makes it wait as well.
        holes: Begins of what was missing in the end.
        middle: Where it stood after it was told to seek there; None where it did not come so far.
        trouble: Why it did not play to the end; None where it did.
        complaints: Of hls.js, that it got over.
    """

    duration: float | None
    width: int
    height: int
    end: float
    pictures: int
    stalls: tuple[float, ...]
    holes: tuple[float, ...]
    trouble: str | None
    lasting: float | None = None
    middle: float | None = None
    complaints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Report of hls.js on a playlist that grows; times in seconds of the file.

    Args:
        at: Where it stands.
        latency: Seconds by which that is behind the end of the playlist.
        pictures: That were decoded.
        stalls: Where it waited after it had begun.
        complaints: Errors, and where they were.
        ended: True once it has come to the end.
    """

    at: float
    latency: float
    pictures: int
    stalls: tuple[float, ...]
    complaints: tuple[str, ...]
    ended: bool


class Player:
    """A page that plays the files of a folder, one after the other."""

    def __init__(self, page: Page, url: str) -> None:
        self._page = page
        self._url = url

    async def plays(self, kind: str, *, hls_js: bool = False) -> bool:
        """Tell if the browser says that it plays a media type, or lets hls.js play it."""
        order = {"type": kind, "hls": hls_js}
        return bool(await self._page.evaluate(f"player.plays({json.dumps(order)})"))

    async def play(self, name: str, *, rate: float = 1.0, hls_js: bool = False) -> Played:
        """Play a file to its end, and seek to its middle then.

        Args:
            name: Path below the folder.
            rate: How often faster than life.
            hls_js: True to play a playlist by hls.js, False by the browser itself.
        """
        order = {
            "url": f"{self._url}/files/{name}",
            "rate": rate,
            "hls": f"{self._url}/hls.js" if hls_js else None,
        }
        report: dict[str, Any] = await self._page.evaluate(
            f"player.play({json.dumps(order)})", timeout=LIMIT
        )
        lists = {name: tuple(it) for name, it in report.items() if isinstance(it, list)}
        return Played(**{**report, **lists})

    async def watch(self, name: str) -> None:
        """Begin to watch a playlist by hls.js while it grows.

        Args:
            name: Path below the folder.
        """
        order = {"url": f"{self._url}/files/{name}", "hls": f"{self._url}/hls.js"}
        await self._page.evaluate(f"player.watch({json.dumps(order)})")

    async def watched(self) -> Watched:
        """Tell what happened since `watch`."""
        report: dict[str, Any] = await self._page.evaluate("player.watched()")
        lists = {name: tuple(it) for name, it in report.items() if isinstance(it, list)}
        return Watched(**{**report, **lists})


def growing(playlist: str) -> str:
    """Return a playlist as those get it who watch while it grows: without what may change."""
    head, _, _ = playlist.rpartition("#EXTINF:")
    return head


@contextlib.asynccontextmanager
async def open_player(
    browser: str, folder: Path, *, is_growing: Callable[[], bool] = lambda: False
) -> AsyncIterator[Player]:
    """Start a browser that plays the files of a folder.

    Args:
        browser: Name of the browser.
        folder: The folder.
        is_growing: True while playlists grow.
    """
    app = Starlette(
        routes=[
            Route("/", _page),
            Route("/hls.js", _hls_js),
            Mount("/files", _Files(folder, is_growing)),
        ]
    )
    async with serve(app) as address, open_browser(browser) as started:
        url = address.replace("ws:", "http:")
        yield Player(await started.open(url), url)


def _page(_request: Request) -> Response:
    return HTMLResponse(f"<title>player</title><script>{_PROGRAM.read_text()}</script>")


def _hls_js(_request: Request) -> Response:
    return FileResponse(_HLS_JS)


class _Files(StaticFiles):
    """Files that grow: nobody may keep them."""

    def __init__(self, folder: Path, is_growing: Callable[[], bool]) -> None:
        super().__init__(directory=folder)
        self._is_growing = is_growing

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        kind = _TYPES.get(Path(full_path).suffix) or mimetypes.guess_type(full_path)[0]
        headers = {"Cache-Control": "no-store"}
        if Path(full_path).suffix == ".m3u8" and self._is_growing():
            text = growing(Path(full_path).read_text())
            return Response(text, media_type=kind, headers=headers)
        return FileResponse(
            full_path,
            status_code=status_code,
            headers=headers,
            media_type=kind,
        )
