"""The page of a room that sends more than the room server takes, and is ended for it."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette

from handfast.room_page import room_page_routes
from signaling.server import Limits, create_app
from tests.support.browser.browsers import open_browser
from tests.support.browser.room_page import RoomPage
from tests.support.network.asgi import serve
from tests.support.rooms.recorded_rooms import plain_member

#: So little that the offer and the candidates of one page are too much.
_LIMITS = Limits(messages_per_second=1, burst=1, slowed_timeout=0.2)


@pytest.mark.browser("chromium")
async def test_page_that_was_too_fast_says_so_and_comes_back_only_when_it_is_told_to() -> None:
    app = Starlette(routes=[*create_app(limits=_LIMITS).routes, *room_page_routes(None)])
    async with serve(app) as url, open_browser("chromium") as browser:
        # Somebody who says nothing: nothing of it is too fast.
        async with plain_member(f"{url}/ws", room="lobby", name="silent") as silent:
            page = await RoomPage.open(browser, f"{url.replace('ws', 'http', 1)}/room/lobby")
            await page.join("Ada")
            await page.read("problem-title", "This page sent more than the room takes")
            assert "Wait a moment, and join again." in await page.read("problem-text", "ended")
            await page.read("status-text", "Not in the room")
            await silent.until()
            assert await page.tab.evaluate("document.getElementById('meeting').hidden") is True
            # Nor does a reload bring it back by itself.
            await page.tab.reload()
            await page.ready()
            assert await page.tab.evaluate("handfast.room") is None

            await page.join("Ada")
            await silent.until("Ada")
        assert browser.complaints == []
