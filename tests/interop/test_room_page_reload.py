"""A page of a room that is loaded again and again, while a Python bot and another page stay."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette

from handfast.room_page import room_page_routes
from handfast.serving import ServeOptions, serve
from handfast.web_server import WebServerOptions
from signaling.server import InProcessBackplane
from signaling.server.browser_client import client_routes
from signaling.server.statistics import Load
from tests.support.browser.browsers import Look, open_browser
from tests.support.browser.firefox import MICROPHONE_PITCH
from tests.support.browser.room_page import BOT_PICTURE, BOT_SOUND, RoomPage
from tests.support.links.cable import cable_to
from tests.support.negotiation.connections import until
from tests.support.network.asgi import serve as run_app
from tests.support.rooms.counting_bot import CountingBot, counting_bot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import PeerConnection
    from tests.support.browser.browsers import Browser

_ROOM = "lobby"
_BOTH = ["Ada", "Bob"]
#: Hz by which a pitch may be off.
_OFF = 5
_LOOK = Look(width=1440, height=900)
#: Number of the session of Bob's page with the bot, which another RTCPeerConnection would not have.
_WITH_BOT = """/^o=\\S+ (\\S+)/m.exec(
    handfast.room.participants.find(({ name }) => name === "bot").connection.localDescription.sdp
)[1]"""
_EVERYBODY = Load(rooms=1, connected=3, away=0, backlog=0)


@dataclass(frozen=True)
class _Serving:
    """A room server as `handfast serve` runs it."""

    url: str
    backplane: InProcessBackplane


@contextlib.asynccontextmanager
async def _room_server() -> AsyncIterator[_Serving]:
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    backplane = InProcessBackplane()
    options = ServeOptions(web=WebServerOptions(port=0), backplane=backplane)
    server = asyncio.create_task(serve(options, stop, ready.set_result))
    await asyncio.wait((server, ready), return_when=asyncio.FIRST_COMPLETED)
    try:
        if ready.done():
            yield _Serving(ready.result(), backplane)
    finally:
        stop.set()
        await server


def _pages_without_rooms() -> Starlette:
    """What a web server in front of the rooms gives out while these restart."""
    return Starlette(routes=[*client_routes(), *room_page_routes(None)])


@dataclass
class _Room:
    """Ada's page, which is loaded again, and Bob's and a bot, which stay.

    Args:
        pitch: Of Ada's microphone in Hz; None where it only beeps.
    """

    ada: RoomPage
    bob: RoomPage
    bot: CountingBot
    pitch: float | None

    async def meet(self, *, tones: bool = True) -> None:
        """Wait until everybody has met everybody else, each of them once.

        Args:
            tones: Whether their sound is listened to, and not only their pictures looked at.
        """
        await self.ada.tab.wait_for("handfast.room?.status === 'joined'")
        await self.ada.captions("You", "bot", "Bob")
        await self.bob.captions("You", "bot", "Ada")
        await until(lambda: sorted(each.name for each in self.bot.room.participants) == _BOTH)
        measures = [page.more_frames("bot") for page in (self.ada, self.bob)]
        measures += [self.ada.more_frames("Bob"), self.bob.more_frames("Ada")]
        measures += [self.bot.more_frames(name) for name in _BOTH]
        if tones:
            measures += [self._listen(page) for page in (self.ada, self.bob)]
            if self.pitch is not None:
                measures.append(self.bot.hears("Ada", self.pitch, within=_OFF))
        await asyncio.gather(*measures)

    async def reload(self) -> None:
        """Load Ada's page anew, and wait until it has done what it does by itself."""
        await self.ada.tab.reload()
        await self.ada.ready()

    async def between_those_who_stay(self) -> tuple[PeerConnection, str]:
        """Return the connection of the bot with Bob, and what names that of Bob with the bot."""
        (here,) = (each for each in self.bot.room.participants if each.name == "Bob")
        return here.connection, str(await self.bob.tab.evaluate(_WITH_BOT))

    async def _listen(self, page: RoomPage) -> None:
        await page.until_heard("bot", BOT_SOUND.value, within=_OFF)
        if page is self.bob and self.pitch is not None:
            await page.until_heard("Ada", self.pitch, within=_OFF)


@contextlib.asynccontextmanager
async def _browsers(ada: str) -> AsyncIterator[tuple[Browser, Browser]]:
    """Ada's browser and Bob's, which is Chromium, and may be the same."""
    async with open_browser("chromium", _LOOK) as chromium:
        if ada == "chromium":
            yield chromium, chromium
        else:
            async with open_browser(ada, _LOOK) as other:
                yield other, chromium


@contextlib.asynccontextmanager
async def _everybody(url: str, browser: str) -> AsyncIterator[_Room]:
    door = f"http://{urlsplit(url).netloc}/"
    bot = counting_bot(url, room=_ROOM, name="bot", sends=(BOT_SOUND, BOT_PICTURE))
    async with _browsers(browser) as (ada, bob), bot as counting:
        pitch = float(MICROPHONE_PITCH) if browser == "firefox" else None
        first = await RoomPage.through(ada, door, _ROOM)
        second = await RoomPage.open(bob, f"{door}room/{_ROOM}")
        room = _Room(first, second, counting, pitch)
        await room.ada.join("Ada")
        await room.bob.join("Bob")
        await room.meet(tones=False)
        yield room


@pytest.mark.parametrize(
    ("browser", "times"),
    [
        pytest.param("chromium", 2, marks=pytest.mark.browser("chromium")),
        pytest.param("chromium", 10, marks=(pytest.mark.browser("chromium"), pytest.mark.long)),
        pytest.param(
            "firefox",
            10,
            marks=(
                pytest.mark.browser("chromium"),
                pytest.mark.browser("firefox"),
                pytest.mark.long,
            ),
        ),
    ],
)
async def test_a_page_that_is_reloaded_meets_everybody_again_and_costs_the_others_nothing(
    browser: str, times: int
) -> None:
    async with contextlib.AsyncExitStack() as servers:
        first = await servers.enter_async_context(_room_server())
        async with cable_to(first.url) as (cable, url), _everybody(url, browser) as room:
            stayed = await room.between_those_who_stay()
            for _ in range(times):
                await room.reload()
                await room.meet()
                await until(lambda: first.backplane.load() == _EVERYBODY)

            await servers.aclose()
            cable.lead_to(await servers.enter_async_context(run_app(_pages_without_rooms())))
            await room.reload()
            await room.ada.read("status-text", "away; this page returns by itself")
            second = await servers.enter_async_context(_room_server())
            cable.lead_to(second.url)
            await room.meet()
            await until(lambda: second.backplane.load() == _EVERYBODY)

            assert await room.between_those_who_stay() == stayed
