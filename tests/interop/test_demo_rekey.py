"""The demo's page in real browsers, while keys and paths change under it."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handfast.demo import DemoOptions, open_demo
from tests.support.browser.browsers import BrowserName, Look, open_browser
from tests.support.browser.demo_page import DemoPage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

chromium = pytest.mark.browser("chromium")
firefox = pytest.mark.browser("firefox")
both = pytest.mark.parametrize(
    "name", [pytest.param(b, marks=pytest.mark.browser(b.value)) for b in BrowserName]
)

_BUTTONS = ("rekey", "restart-ice")
_KEYS_CHANGED = re.compile(r"Keys changed in (\d+ ms|\d+\.\d s)\.")
_PATH_MOVED = re.compile(r"Path moved in (\d+ ms|\d+\.\d s): \S+ → \S+\.")
_KEPT = re.compile(r"Firefox keeps its keys during a call\. Nothing was lost \(\d+\.\d s\)\.")


@contextlib.asynccontextmanager
async def _call_in(name: BrowserName | str, look: Look | None = None) -> AsyncIterator[DemoPage]:
    async with open_demo(DemoOptions(port=0)) as demo, open_browser(name, look) as browser:
        page = await DemoPage.open(browser, demo.url)
        await page.call()
        yield page
        assert browser.complaints == []


async def _still_flows(page: DemoPage) -> None:
    """Frames are decoded, datagrams come back, and no state says otherwise."""
    frames = await page.frames("inbound-rtp")
    returned = await page.tab.evaluate("handfast.session.call.pinger.returned")
    assert await page.wait_for_frames("inbound-rtp", frames + 30) >= frames + 30
    await page.tab.wait_for(f"handfast.session.call.pinger.returned >= {returned} + 3")
    assert await page.text("status-text") == "In a call with Python"


async def _disabled(page: DemoPage) -> list[bool]:
    return [
        await page.tab.evaluate(f"document.getElementById('{button}').disabled")
        for button in _BUTTONS
    ]


@chromium
@pytest.mark.conformance("6.8-rekey")
async def test_keys_change_again_and_again_in_chromium_while_its_picture_goes_on() -> None:
    async with _call_in("chromium") as page:
        before = await page.text("security")
        for _ in range(3):
            assert _KEYS_CHANGED.fullmatch(await page.change("rekey"))
            await _still_flows(page)
        now = await page.text("security")

    there = "Certificate there"
    assert now.partition(there)[2] != before.partition(there)[2]


@chromium
async def test_the_ladder_has_both_associations_of_a_rekey() -> None:
    async with _call_in("chromium") as page:
        await page.change("rekey")

        rows = await page.ladder("hears the peer under the keys of association 2")
        hellos = await page.tags("ClientHello")
        keys = await page.tags("keys derived")
        verdict = await page.text("ladder-note")

    assert any("sends under the keys of association 2" in row for row in rows)
    assert any("media under the new keys" in row for row in rows)
    assert set(keys) == {"A1", "A2"}
    assert {"A1", "A2"} <= set(hellos)
    assert "keys changed once, in" in verdict


@firefox
@pytest.mark.conformance("6.8-kept")
async def test_firefox_keeps_its_association_and_the_page_says_so() -> None:
    async with _call_in("firefox") as page:
        assert _KEPT.fullmatch(await page.change("rekey"))
        await _still_flows(page)

        rows = await page.ladder("association 2 given up: the peer kept its association")
        verdict = await page.text("ladder-note")

    assert not any("under the keys of association 2" in row for row in rows)
    assert "once not rekeyed: the peer kept its association" in verdict


@both
async def test_the_path_moves_and_the_picture_goes_on(name: BrowserName) -> None:
    async with _call_in(name) as page:
        for _ in range(2):
            assert _PATH_MOVED.fullmatch(await page.change("restart-ice"))
            await _still_flows(page)

        rows = await page.ladder("connectivity checks, generation 3")
        verdict = await page.text("ladder-note")

    assert sum("connectivity checks, generation 2" in row for row in rows) == 1
    assert sum("ClientHello" in row and "Python peer to" in row for row in rows) >= 1
    assert "path moved twice" in verdict


@chromium
@pytest.mark.parametrize(
    "late",
    [{"sdpMid": "0", "usernameFragment": "left"}, {"sdpMid": "gone"}],
    ids=["of the ICE generation before", "of no m-section"],
)
async def test_a_candidate_without_use_ends_no_call_of_the_demo_page(late: dict[str, str]) -> None:
    candidate = {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", **late}
    sent = f"{{candidate: new RTCIceCandidate({json.dumps(candidate)})}}"
    async with _call_in("chromium") as page:
        await page.tab.evaluate(
            "handfast.session.call.connection.dispatchEvent("
            f"new RTCPeerConnectionIceEvent('icecandidate', {sent}))"
        )
        assert _PATH_MOVED.fullmatch(await page.change("restart-ice"))
        await _still_flows(page)


@both
async def test_the_buttons_are_there_during_a_call_only(name: BrowserName) -> None:
    async with open_demo(DemoOptions(port=0)) as demo, open_browser(name) as browser:
        page = await DemoPage.open(browser, demo.url)
        assert await _disabled(page) == [True, True]

        await page.call()
        await page.tab.wait_for("!document.getElementById('rekey').disabled")
        assert await _disabled(page) == [False, False]

        await page.press("call")
        assert await _disabled(page) == [True, True]


@chromium
async def test_demo_page_requests_one_change_at_a_time() -> None:
    async with _call_in("chromium") as page:
        await page.tab.wait_for("!document.getElementById('rekey').disabled")
        press = "document.getElementById('rekey').click()"
        off = "['rekey', 'restart-ice'].map((id) => document.getElementById(id).disabled)"

        assert await page.tab.evaluate(f"({press}, {off})") == [True, True]
        await page.tab.wait_for("!document.getElementById('rekey').disabled")
        assert _KEYS_CHANGED.fullmatch(await page.text("outcome"))


@pytest.mark.parametrize(
    "look",
    [Look(width=1440, height=900), Look(width=390, height=844, dark=True)],
    ids=["wide-light", "phone-dark"],
)
@chromium
async def test_a_screenshot_after_both_changes_is_kept(look: Look, artifacts: Path) -> None:
    path = artifacts / f"demo-rekeyed-{look.width}{'-dark' if look.dark else ''}.png"
    path.unlink(missing_ok=True)
    async with _call_in("chromium", look) as page:
        await page.change("rekey")
        await page.change("restart-ice")
        await page.ladder("connectivity checks, generation 2")
        await page.tab.screenshot(path, whole=True)

        # Nothing is wider than the screen.
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.tab.evaluate(overflow) == 0
    assert path.stat().st_size > 20_000
