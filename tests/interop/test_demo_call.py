"""The demo's page in real browsers: picture, sound and data there and back."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handfast.demo import Demo, DemoOptions, open_demo
from media import ToneMeter
from peer.transport.ice.timing import IceTiming
from tests.support.browser.browsers import Browser, BrowserName, Look, open_browser
from tests.support.browser.demo_page import DemoPage
from tests.support.browser.firefox import MICROPHONE_PITCH
from tests.support.media.frames import sound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from handfast.demo.visit import Visit

#: Seconds. A connection whose peer is merely silent is given up only after these.
CONSENT_EXPIRY = IceTiming().consent_expiry

# The synthetic picture is 640 by 480; the label is drawn at its lower left.
_LABEL = (6, 441, 440, 30)
_ABOVE_LABEL = (6, 380, 440, 30)
_PITCH = MICROPHONE_PITCH
#: Where a tone of that pitch comes from. Chromium's false microphone beeps; and Firefox needs a
#: loudspeaker for the page's own tone, which a test machine does not have.
_TONE = {BrowserName.CHROMIUM: "synthetic", BrowserName.FIREFOX: "camera"}

#: Who sends each flight of a handshake that Python begins, and the message that it ends with.
_FLIGHTS = (
    ("Python peer to this page: ", "ClientHello"),
    ("this page to Python peer: ", "ServerHelloDone"),
    ("Python peer to this page: ", "Finished"),
    ("this page to Python peer: ", "Finished"),
)


@pytest.fixture(params=[pytest.param(b, marks=pytest.mark.browser(b.value)) for b in BrowserName])
def browser_name(request: pytest.FixtureRequest) -> BrowserName:
    return BrowserName(request.param)


@contextlib.asynccontextmanager
async def _demo_in(
    name: BrowserName, look: Look | None = None
) -> AsyncIterator[tuple[Demo, Browser]]:
    async with open_demo(DemoOptions(port=0)) as demo, open_browser(name, look) as browser:
        yield demo, browser
        assert browser.complaints == []


@contextlib.asynccontextmanager
async def _call_in(
    name: BrowserName, source: str = "synthetic"
) -> AsyncIterator[tuple[DemoPage, Visit]]:
    async with _demo_in(name) as (demo, browser):
        page = await DemoPage.open(browser, demo.url, source=source)
        await page.call()
        yield page, demo.host.visits[0]


async def test_frames_are_decoded_on_both_sides(browser_name: BrowserName) -> None:
    async with _call_in(browser_name) as (page, visit):
        here = await page.frames("inbound-rtp")
        there = (await visit.report()).picture

        assert await page.wait_for_frames("inbound-rtp", here + 30) >= here + 30
        later = (await visit.report()).picture
        assert there is not None
        assert later is not None
        assert later.frames >= there.frames + 15


async def test_the_known_colours_come_back(browser_name: BrowserName) -> None:
    async with _call_in(browser_name) as (page, _):
        await page.wait_for_frames("inbound-rtp", 30)
        sent = await page.sent_colours()
        row = await page.pixels(0, 60, 640, 1)

        bar = 640 / len(sent)
        returned = [row[int((i + 0.5) * bar)] for i in range(len(sent))]
        assert [r.is_near(s) for r, s in zip(returned, sent, strict=True)] == [True] * len(sent), (
            returned
        )


async def test_the_label_is_drawn_and_changes(browser_name: BrowserName) -> None:
    async with _call_in(browser_name) as (page, _):
        frames = await page.wait_for_frames("inbound-rtp", 30)
        before, above = await page.pixels(*_LABEL), await page.pixels(*_ABOVE_LABEL)
        await page.wait_for_frames("inbound-rtp", frames + 30)
        after = await page.pixels(*_LABEL)

    bright = sum(min(colour) > 170 for colour in before)
    dark = sum(max(colour) < 90 for colour in before)
    changed = sum(abs(a.green - b.green) > 90 for a, b in zip(before, after, strict=True))
    assert bright > 1_000
    assert dark > 4_000
    assert changed > 100
    assert sum(max(colour) < 60 for colour in above) < 100


async def test_the_tone_comes_back(browser_name: BrowserName) -> None:
    meter = ToneMeter()
    async with _call_in(browser_name, _TONE[browser_name]) as (page, _):
        meter.hear(sound(await page.sound(1.5)))

    assert meter.measure().pitch == pytest.approx(_PITCH, abs=2)
    assert meter.measure().level > -40


async def test_the_tone_is_found_in_the_samples_that_python_receives(
    browser_name: BrowserName,
) -> None:
    async with _call_in(browser_name, _TONE[browser_name]) as (page, visit):
        await page.tab.wait_for("document.getElementById('report-sound').innerText.includes('Hz')")
        heard = (await visit.report()).sound

    assert heard is not None
    assert heard.pitch == pytest.approx(_PITCH, abs=2)
    assert heard.level > -40


async def test_the_round_trip_is_measured(browser_name: BrowserName) -> None:
    async with _call_in(browser_name) as (page, _):
        assert await page.tab.wait_for("handfast.session.call.pinger.returned >= 5")
        value = await page.tab.wait_for(
            "[...document.querySelectorAll('.chart')]"
            ".find((c) => c.innerText.includes('Round trip')).querySelector('.number').innerText"
        )

    assert 0 < float(value) < 1_000


async def test_the_page_shows_the_transport_that_python_has(browser_name: BrowserName) -> None:
    async with _call_in(browser_name) as (page, visit):
        role = await page.fact("dtls-role")
        cipher = await page.fact("dtls-cipher")
        profile = await page.fact("srtp-profile")
        transport = (await visit.report()).transport

    assert transport is not None
    assert role.split(":")[0] == {"client": "server", "server": "client"}[transport.dtls_role]
    assert "ECDHE_ECDSA" in cipher
    assert "AES" in profile


async def test_demo_page_shows_states_and_descriptions(browser_name: BrowserName) -> None:
    async with _call_in(browser_name) as (page, visit):
        timeline = (await page.text("timeline")).replace("\n", " ")
        local, remote = [
            await page.tab.evaluate(f"document.querySelector('[data-description={s}]').textContent")
            for s in ("local", "remote")
        ]
        description = visit.connection.localDescription

    for change in (
        "Room server joined",
        "Signalling have-local-offer",
        "Signalling stable",
        "ICE gathering complete",
        "ICE connection connected",
        "DTLS connected",
        "Connection connected",
        "Data channel open",
        "first returned picture",
    ):
        assert change in timeline
    assert local.startswith("v=0")
    assert description is not None
    assert _fingerprint(remote) == _fingerprint(description.sdp)


async def test_the_ladder_of_the_handshake_is_shown(browser_name: BrowserName) -> None:
    async with _call_in(browser_name) as (page, _):
        await page.wait_for_frames("inbound-rtp", 30)
        rows = await page.ladder("SRTP starts")
        note = await page.text("ladder-note")

    # On a busy machine a flight may be sent again in between.
    rest = iter(rows)
    for way, last in _FLIGHTS:
        assert any(row.startswith(way) and row.endswith(last) for row in rest), rows
    assert rows[0].endswith("this page to Python peer: offer")
    assert any("certificate matches the signalled fingerprint" in row for row in rows)
    assert "Connected after" in note
    assert "DTLS 1.2" in note


async def test_a_closed_page_leaves_nothing_behind_and_may_come_again(
    browser_name: BrowserName,
) -> None:
    async with _demo_in(browser_name) as (demo, browser):
        await _visit_once(demo, browser)
        tasks, files = len(asyncio.all_tasks()), _open_files()

        for _ in range(2):
            await _visit_once(demo, browser)

        assert len(asyncio.all_tasks()) <= tasks
        assert _open_files() <= files


async def _visit_once(demo: Demo, browser: Browser) -> None:
    page = await DemoPage.open(browser, demo.url)
    await page.call()
    visit = demo.host.visits[0]
    await page.tab.close()
    async with asyncio.timeout(CONSENT_EXPIRY):
        await demo.host.until(lambda visits: not visits)
    assert visit.connection.connectionState == "closed"


async def test_hanging_up_and_calling_again_works_in_one_page(browser_name: BrowserName) -> None:
    async with _demo_in(browser_name) as (demo, browser):
        page = await DemoPage.open(browser, demo.url)
        await page.call()

        await page.press("call")
        await demo.host.until(lambda visits: not visits)
        await page.call()

        assert len(demo.host.visits) == 1
        assert await page.text("status-text") == "In a call with Python"


_WIDE, _PHONE = (1440, 900), (390, 844)


_LOOKS = pytest.mark.parametrize(
    "look",
    [Look(width=_WIDE[0], height=_WIDE[1]), Look(width=_PHONE[0], height=_PHONE[1], dark=True)],
    ids=["wide-light", "phone-dark"],
)


@_LOOKS
@pytest.mark.browser("chromium")
async def test_a_screenshot_of_chromium_is_kept(look: Look, artifacts: Path) -> None:
    await _keep_screenshot(BrowserName.CHROMIUM, look, artifacts)


@_LOOKS
@pytest.mark.browser("firefox")
async def test_a_screenshot_of_firefox_is_kept(look: Look, artifacts: Path) -> None:
    await _keep_screenshot(BrowserName.FIREFOX, look, artifacts)


async def _keep_screenshot(browser_name: BrowserName, look: Look, artifacts: Path) -> None:
    device = "wide" if look.width > 1000 else "phone"
    scheme = "dark" if look.dark else "light"
    path = artifacts / f"demo-{browser_name}-{device}-{scheme}.png"
    path.unlink(missing_ok=True)
    async with _demo_in(browser_name, look) as (demo, browser):
        page = await DemoPage.open(browser, demo.url)
        await page.call()
        await page.wait_for_frames("inbound-rtp", 90)

        await page.tab.screenshot(path, whole=True)

        # Nothing is wider than the screen.
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.tab.evaluate(overflow) == 0
    assert path.stat().st_size > 20_000


def _fingerprint(sdp: str) -> str:
    return next(line for line in sdp.splitlines() if line.startswith("a=fingerprint:"))


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))
