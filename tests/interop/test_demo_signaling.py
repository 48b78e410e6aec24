"""A call of the demo outlives the WebSocket of its page, in real browsers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from handfast.demo import DemoOptions, open_demo
from tests.support.browser.browsers import BrowserName, open_browser
from tests.support.browser.demo_page import DemoPage
from tests.support.links.cable import cable_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.links.cable import Cable

both = pytest.mark.parametrize(
    "name", [pytest.param(b, marks=pytest.mark.browser(b.value)) for b in BrowserName]
)


@contextlib.asynccontextmanager
async def _call_over_a_cable(name: BrowserName | str) -> AsyncIterator[tuple[DemoPage, Cable]]:
    async with (
        open_demo(DemoOptions(port=0)) as demo,
        cable_to(demo.url) as (cable, url),
        open_browser(name) as browser,
    ):
        page = await DemoPage.open(browser, url)
        await page.call()
        yield page, cable


async def _go_on(page: DemoPage) -> None:
    frames = await page.frames("inbound-rtp")
    assert await page.wait_for_frames("inbound-rtp", frames + 30) >= frames + 30
    assert await page.text("status-text") == "In a call with Python"


@both
async def test_page_whose_websocket_breaks_resumes_its_session(name: BrowserName) -> None:
    async with _call_over_a_cable(name) as (page, cable):
        for _ in range(3):
            known = cable.connections
            cable.cut()
            # Descriptions of the next change wait until the page is back, and none is lost.
            assert "Path moved" in await page.change("restart-ice")
            assert cable.connections > known
            await _go_on(page)


@pytest.mark.browser("chromium")
async def test_server_that_keeps_no_session_leaves_the_call_alone() -> None:
    async with (
        _call_over_a_cable("chromium") as (page, cable),
        open_demo(DemoOptions(port=0)) as other,
    ):
        cable.lead_to(other.url)
        cable.cut()
        words = await page.wait_for_problem("server-gone")
        await _go_on(page)
    assert "The call goes on without it" in words
