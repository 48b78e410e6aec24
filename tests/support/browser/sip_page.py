"""A page with a SIP phone of JsSIP or SIP.js, as a test drives it.

::

    async with sip_pages(folder, SipLibrary.JSSIP) as url, open_browser("chromium") as browser:
        phone = await SipTab.register(browser, url, proxy, user="ann", secret="1")
        await phone.call(proxy.aor("bot"))
        await phone.tells("confirmed")
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.support.network.asgi import serve
from tests.support.peers.third_party import PROGRAMS
from tests.support.project.tools import NODE_MODULES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request

    from tests.support.browser.browsers import Browser, Page
    from tests.support.peers.kamailio import Kamailio


class SipLibrary(StrEnum):
    """Libraries that make a SIP phone of a page."""

    JSSIP = "jssip"
    SIP_JS = "sipjs"

    @property
    def entry(self) -> str:
        """File of npm that names all others."""
        match self:
            case SipLibrary.JSSIP:
                return "jssip/lib/JsSIP.js"
            case SipLibrary.SIP_JS:
                return "sip.js/lib/index.js"


class IncomingCalls(StrEnum):
    """What the phone of a page does with calls that come in."""

    ANSWER = "answer"
    #: An answer in a 183, reliable where the caller takes that (SIP.js).
    EARLY = "early"
    RING = "ring"


@asynccontextmanager
async def sip_pages(folder: Path, *libraries: SipLibrary) -> AsyncIterator[str]:
    """Serve an empty page, the program of the phone, and the libraries; gives the page's URL."""
    scripts = {"phone.js": (PROGRAMS / "sip_phone.js").read_bytes()}
    for library in libraries:
        scripts[f"{library}.js"] = await _bundle(library, folder)

    async def page(_: Request) -> HTMLResponse:
        return HTMLResponse("<title>phone</title><link rel=icon href=data:,>")

    async def script(request: Request) -> Response:
        return Response(scripts[request.path_params["name"]], media_type="text/javascript")

    routes = [Route("/", page), Route("/{name}", script)]
    async with serve(Starlette(routes=routes)) as url:
        yield url.replace("ws", "http", 1) + "/"


async def _bundle(library: SipLibrary, folder: Path) -> bytes:
    """Join the files of a library into one module."""
    target = folder / f"{library}.js"
    process = await asyncio.create_subprocess_exec(
        str(NODE_MODULES / ".bin/esbuild"),
        *(str(NODE_MODULES / library.entry), "--bundle", "--format=esm", "--log-level=error"),
        f"--outfile={target}",
    )
    assert await process.wait() == 0
    return target.read_bytes()


@dataclass(frozen=True)
class SipTab:
    """The phone of one tab, registered."""

    tab: Page

    @classmethod
    async def register(
        cls,
        browser: Browser,
        url: str,
        proxy: Kamailio,
        *,
        user: str,
        secret: str,
        library: SipLibrary = SipLibrary.JSSIP,
        incoming: IncomingCalls = IncomingCalls.ANSWER,
    ) -> SipTab:
        """Open the page, and register its phone under the address of a user."""
        tab = await browser.open(url)
        options = {
            "url": proxy.ws,
            "address": proxy.aor(user),
            "secret": secret,
            "incoming": incoming,
        }
        await tab.evaluate(
            f"import('/phone.js').then(({{start}}) => start('{library}', {json.dumps(options)}))"
            ".then((phone) => void (globalThis.phone = phone))"
        )
        return cls(tab)

    async def call(self, target: str) -> None:
        """Call an address."""
        await self.do(f"call({json.dumps(target)})")

    async def do(self, command: str) -> None:
        """Give the phone a command: `answer()`, `hangUp()`, `hold()`, `resume()`, `dtmf("1")`."""
        await self.tab.evaluate(f"void phone.{command}")

    async def tells(self, words: str) -> None:
        """Wait until something has happened: `ringing`, `confirmed`, `held remote`, `ended ...`."""
        await self.tab.wait_for(f"phone.told.some((each) => each.startsWith({json.dumps(words)}))")

    async def told(self) -> list[str]:
        """All that has happened, in order."""
        told: list[str] = await self.tab.evaluate("phone.told")
        return told

    async def flow(self, *kinds: str, count: int = 5) -> None:
        """Wait until more packets have come, of each kind."""
        before = await self.tab.evaluate("phone.received()")
        enough = " && ".join(f"now.{kind} >= {before[kind] + count}" for kind in kinds)
        await self.tab.wait_for(f"phone.received().then((now) => {enough})")
