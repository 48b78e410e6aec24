"""The demo's page in a real browser, recorded by Python and played where it was sent from."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import pytest

from handfast.demo import DemoOptions, open_demo
from tests.support.browser.browsers import Look, open_browser
from tests.support.browser.demo_page import DemoPage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.browser("chromium")

_RECORDED = re.compile(r"Recorded: (\d+\.\d) s, (\d+ kB|\d+\.\d MB)\.")
_SAID = "document.getElementById('record-said')"
_PLAYER = "document.getElementById('recording-player')"
_BUTTON = "document.getElementById('record')"


@contextlib.asynccontextmanager
async def _call(look: Look | None = None) -> AsyncIterator[DemoPage]:
    async with open_demo(DemoOptions(port=0)) as demo, open_browser("chromium", look) as browser:
        page = await DemoPage.open(browser, demo.url)
        await page.call()
        yield page
        assert browser.complaints == []


async def _record(page: DemoPage, seconds: float) -> str:
    """Record for about so long; what the page says then."""
    await page.tab.wait_for(f"!{_BUTTON}.disabled && {_BUTTON}.textContent === 'Record me'")
    await page.press("record")
    amount = f"parseFloat({_SAID}.innerText.match(/^Recording: (.*) s/)?.[1]) >= {seconds}"
    await page.tab.wait_for(amount)
    await page.press("record")
    settled = f"['good', 'bad'].includes({_SAID}.dataset.mood)"
    return str(await page.tab.wait_for(f"{settled} && {_SAID}.innerText"))


async def test_the_page_plays_what_python_recorded_of_it() -> None:
    async with _call() as page:
        said = _RECORDED.fullmatch(await _record(page, 2))
        assert said is not None
        await page.tab.wait_for(f"{_PLAYER}.currentTime > 0.5")

        assert not await page.tab.evaluate("document.getElementById('recording').hidden")
        assert await page.tab.evaluate(f"[{_PLAYER}.videoWidth, {_PLAYER}.videoHeight]") == [
            640,
            480,
        ]
        ended = f"{_PLAYER}.ended && {_PLAYER}.currentTime"
        assert float(await page.tab.wait_for(ended)) == pytest.approx(float(said[1]), abs=0.3)
        assert await page.text("status-text") == "In a call with Python"


async def test_a_later_recording_takes_the_place_of_an_earlier_one() -> None:
    async with _call() as page:
        await _record(page, 1)
        await page.tab.wait_for(f"{_PLAYER}.readyState >= 2")
        first = await page.tab.evaluate(f"{_PLAYER}.src")
        await _record(page, 1)

        await page.tab.wait_for(f"{_PLAYER}.readyState >= 2 && {_PLAYER}.src !== '{first}'")


async def test_demo_recording_plays_after_its_call_until_the_next_one() -> None:
    async with _call() as page:
        await _record(page, 1)
        await page.tab.wait_for(f"{_PLAYER}.readyState >= 2")
        await page.press("call")

        assert await page.tab.evaluate(f"{_BUTTON}.disabled")
        await page.tab.evaluate(f"{_PLAYER}.currentTime = 0, {_PLAYER}.play()")
        await page.call()
        assert await page.tab.evaluate("document.getElementById('recording').hidden")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)], ids=["wide", "phone"])
async def test_a_screenshot_with_a_recording_is_kept(
    width: int, height: int, artifacts: Path
) -> None:
    path = artifacts / f"demo-recorded-{'wide' if width > 1000 else 'phone'}.png"
    path.unlink(missing_ok=True)
    async with _call(Look(width=width, height=height)) as page:
        await _record(page, 1)
        await page.tab.wait_for(f"{_PLAYER}.readyState >= 2")
        await page.tab.screenshot(path, whole=True)

        # Nothing is wider than the screen.
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.tab.evaluate(overflow) == 0
    assert path.stat().st_size > 20_000
