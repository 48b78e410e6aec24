"""The demo's page in real browsers: picture, sound and data there and back."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handfast.demo import Demo, DemoOptions, open_demo
from media import ToneMeter
from peer.transport.ice.timing import IceTiming
from tests.support.browser.browsers import Browser, BrowserName, Look, open_browser
from tests.support.browser.demo_page import Colour, DemoPage
from tests.support.browser.firefox import MICROPHONE_PITCH
from tests.support.clock.deadline import DEADLINE
from tests.support.media.frames import sound
from tests.support.negotiation.connections import until
from tests.support.project.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from handfast.demo.visit import SoundReport, TransportReport, Visit
    from media import Tone

#: Seconds. A connection whose peer is merely silent is given up only after these.
CONSENT_EXPIRY = IceTiming().consent_expiry

# The synthetic picture is 640 by 480; the label is drawn at its lower left.
_LABEL = (6, 441, 440, 30)
_ABOVE_LABEL = (6, 380, 440, 30)
_PITCH = MICROPHONE_PITCH
#: Where a tone of that pitch comes from. Chromium's false microphone beeps; and Firefox needs a
#: loudspeaker for the page's own tone, which a test machine does not have.
_TONE = {BrowserName.CHROMIUM: "synthetic", BrowserName.FIREFOX: "camera"}

#: Facts of the transport on the page.
_FACTS = ("dtls-role", "dtls-cipher", "srtp-profile")
# Not a number in a second in which no datagram came back.
_ROUND_TRIP = (
    "parseFloat([...document.querySelectorAll('.chart')]"
    ".find((c) => c.innerText.includes('Round trip')).querySelector('.number').innerText)"
)

#: Who sends each flight of a handshake that Python begins, and the message that it ends with.
_FLIGHTS = (
    ("Python peer to this page: ", "ClientHello"),
    ("this page to Python peer: ", "ServerHelloDone"),
    ("Python peer to this page: ", "Finished"),
    ("this page to Python peer: ", "Finished"),
)


_WIDE = Look(width=1440, height=900)
_DARK_PHONE = Look(width=390, height=844, dark=True)

_BROWSERS = [pytest.param(b, marks=pytest.mark.browser(b.value)) for b in BrowserName]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Pixels of the label that Python draws: once, a second later, and of the picture above it."""

    before: list[Colour]
    after: list[Colour]
    above: list[Colour]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One call with the synthetic picture, as the page and Python see it.

    Args:
        here: Frames that the page decoded, at first and in the end.
        there: Frames that Python decoded, at the same times.
        bars: Colours of the bars that the page sends.
        row: A row of pixels of the returned picture.
        label: The label in the returned picture.
        round_trip: Milliseconds, as the page shows them.
        lasted: Milliseconds since the page was loaded, when it showed that.
        facts: The page's facts of the transport, by name.
        transport: Python's.
        timeline: The page's timeline of states.
        descriptions: The local and the remote description that the page shows.
        answer: Python's description.
        ladder: The page's rows of the handshake.
        note: The sentence below it.
        screenshot: File with the whole page.
        overflow: Pixels by which the page is wider than the screen.
        own_bottom: Pixels from the upper edge of the screen to the end of the page's own picture.
        hole: Pixels between the returned picture and the charts below.
    """

    here: tuple[int, int]
    there: tuple[int, int]
    bars: list[Colour]
    row: list[Colour]
    label: Label
    round_trip: float
    lasted: float
    facts: dict[str, str]
    transport: TransportReport
    timeline: str
    descriptions: tuple[str, str]
    answer: str
    ladder: list[str]
    note: str
    screenshot: Path
    overflow: int
    own_bottom: float
    hole: float


@pytest.fixture(params=_BROWSERS)
def browser_name(request: pytest.FixtureRequest) -> BrowserName:
    return BrowserName(request.param)


@pytest.fixture(scope="module", params=_BROWSERS)
def story(request: pytest.FixtureRequest) -> Story:
    """A call with each browser."""
    return asyncio.run(_tell(BrowserName(request.param)))


@contextlib.asynccontextmanager
async def _demo_in(
    name: BrowserName, look: Look | None = None
) -> AsyncIterator[tuple[Demo, Browser]]:
    async with open_demo(DemoOptions(port=0)) as demo, open_browser(name, look) as browser:
        yield demo, browser
        assert browser.complaints == []


@contextlib.asynccontextmanager
async def _call_in(
    name: BrowserName, source: str = "synthetic", look: Look | None = None
) -> AsyncIterator[tuple[DemoPage, Visit]]:
    async with _demo_in(name, look) as (demo, browser):
        page = await DemoPage.open(browser, demo.url, source=source)
        await page.call()
        yield page, demo.host.visits[0]


async def _tell(name: BrowserName) -> Story:
    async with _call_in(name, look=_WIDE) as (page, visit):
        here = await page.wait_for_frames("inbound-rtp", 30)
        there = (await visit.report()).picture
        row = await page.pixels(0, 60, 640, 1)
        label, above = await page.pixels(*_LABEL), await page.pixels(*_ABOVE_LABEL)
        later = await page.wait_for_frames("inbound-rtp", here + 60)
        report = await visit.report()
        description = visit.connection.localDescription
        assert there is not None
        assert report.picture is not None
        assert report.transport is not None
        assert description is not None
        assert await page.tab.wait_for("handfast.session.call.pinger.returned >= 5")
        screenshot = _screenshot(name, "wide-light")
        await page.tab.screenshot(screenshot, whole=True)
        return Story(
            here=(here, later),
            there=(there.frames, report.picture.frames),
            bars=await page.sent_colours(),
            row=row,
            label=Label(before=label, after=await page.pixels(*_LABEL), above=above),
            round_trip=float(await page.tab.wait_for(_ROUND_TRIP)),
            lasted=await page.tab.evaluate("performance.now()"),
            facts={fact: await page.fact(fact) for fact in _FACTS},
            transport=report.transport,
            timeline=(await page.text("timeline")).replace("\n", " "),
            descriptions=(await _description(page, "local"), await _description(page, "remote")),
            answer=description.sdp,
            ladder=await page.ladder("SRTP starts"),
            note=await page.text("ladder-note"),
            screenshot=screenshot,
            overflow=await _overflow(page),
            own_bottom=await _edge(page, ".sent video", "bottom"),
            hole=await _edge(page, ".charts", "top") - await _edge(page, ".returned", "bottom"),
        )


async def _description(page: DemoPage, side: str) -> str:
    query = f"document.querySelector('[data-description={side}]').textContent"
    return str(await page.tab.evaluate(query))


def _screenshot(name: BrowserName, look: str) -> Path:
    folder = ROOT / "artifacts"
    folder.mkdir(exist_ok=True)
    path = folder / f"demo-{name}-{look}.png"
    path.unlink(missing_ok=True)
    return path


async def _edge(page: DemoPage, element: str, side: str) -> float:
    """Return where an edge of an element is, in pixels from the upper edge of the screen."""
    box = f"document.querySelector('{element}').getBoundingClientRect()"
    return float(await page.tab.evaluate(f"{box}.{side}"))


async def _overflow(page: DemoPage) -> int:
    """Return by how many pixels the page is wider than the screen."""
    root = "document.documentElement"
    return int(await page.tab.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))


def test_frames_are_decoded_on_both_sides(story: Story) -> None:
    assert story.here[1] >= story.here[0] + 60
    assert story.there[1] >= story.there[0] + 30


def test_the_known_colours_come_back(story: Story) -> None:
    bar = 640 / len(story.bars)
    returned = [story.row[int((i + 0.5) * bar)] for i in range(len(story.bars))]
    near = [r.is_near(s) for r, s in zip(returned, story.bars, strict=True)]
    assert near == [True] * len(story.bars), returned


def test_the_label_is_drawn_and_changes(story: Story) -> None:
    before, after = story.label.before, story.label.after
    bright = sum(min(colour) > 170 for colour in before)
    dark = sum(max(colour) < 90 for colour in before)
    changed = sum(abs(a.green - b.green) > 90 for a, b in zip(before, after, strict=True))
    assert bright > 1_000
    assert dark > 4_000
    assert changed > 100
    assert sum(max(colour) < 60 for colour in story.label.above) < 100


async def test_the_tone_comes_back_and_python_finds_it_in_its_samples(
    browser_name: BrowserName,
) -> None:
    async with _call_in(browser_name, _TONE[browser_name]) as (page, visit):

        async def there() -> SoundReport | Tone | None:
            meter = ToneMeter()
            meter.hear(sound(await page.sound(1.5)))
            return meter.measure()

        async def here() -> SoundReport | Tone | None:
            return (await visit.report()).sound

        await _hears_the_tone(there)
        await page.tab.wait_for("document.getElementById('report-sound').innerText.includes('Hz')")
        await _hears_the_tone(here)


async def _hears_the_tone(measure: Callable[[], Awaitable[SoundReport | Tone | None]]) -> None:
    """Wait for sound in which a busy machine has left no hole."""
    async with asyncio.timeout(DEADLINE):
        while True:
            heard = await measure()
            if heard is not None and heard.pitch == pytest.approx(_PITCH, abs=2):
                assert heard.level > -40
                return
            await asyncio.sleep(0.1)


def test_the_round_trip_is_measured(story: Story) -> None:
    # In milliseconds: of a whole call, a datagram there and back is a small part.
    assert 0 < story.round_trip < story.lasted / 4


def test_the_page_shows_the_transport_that_python_has(story: Story) -> None:
    other = {"client": "server", "server": "client"}
    assert story.facts["dtls-role"].split(":")[0] == other[story.transport.dtls_role]
    assert "ECDHE_ECDSA" in story.facts["dtls-cipher"]
    assert "AES" in story.facts["srtp-profile"]


def test_demo_page_shows_states_and_descriptions(story: Story) -> None:
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
        assert change in story.timeline
    local, remote = story.descriptions
    assert local.startswith("v=0")
    assert _fingerprint(remote) == _fingerprint(story.answer)


def test_the_ladder_of_the_handshake_is_shown(story: Story) -> None:
    # On a busy machine a flight may be sent again in between.
    rest = iter(story.ladder)
    for way, last in _FLIGHTS:
        assert any(row.startswith(way) and row.endswith(last) for row in rest), story.ladder
    # One name for one cipher, whoever tells it.
    assert story.facts["dtls-cipher"].removesuffix("as Python reports it") in story.note
    assert story.facts["srtp-profile"].removesuffix("as Python reports it") in story.note
    assert story.ladder[0].endswith("this page to Python peer: offer")
    assert any("certificate matches the signalled fingerprint" in row for row in story.ladder)
    assert "Connected after" in story.note
    assert "DTLS 1.2" in story.note


def test_the_page_fits_a_wide_screen(story: Story) -> None:
    assert story.overflow == 0
    assert story.own_bottom < _WIDE.height
    assert story.hole < 100
    assert story.screenshot.stat().st_size > 20_000


async def test_the_page_fits_a_dark_phone(browser_name: BrowserName) -> None:
    screenshot = _screenshot(browser_name, "phone-dark")
    async with _call_in(browser_name, look=_DARK_PHONE) as (page, _):
        await page.wait_for_frames("inbound-rtp", 90)
        await page.tab.screenshot(screenshot, whole=True)

        assert await _overflow(page) == 0
    assert screenshot.stat().st_size > 20_000


async def test_a_closed_page_leaves_nothing_behind_and_may_come_again(
    browser_name: BrowserName,
) -> None:
    async with _demo_in(browser_name) as (demo, browser):
        await _visit_once(demo, browser)
        tasks, files = len(asyncio.all_tasks()), _open_files()

        for _ in range(2):
            await _visit_once(demo, browser)

        # The server is done with the connections of a page a moment after its visit has ended.
        await until(lambda: len(asyncio.all_tasks()) <= tasks and _open_files() <= files)


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


def _fingerprint(sdp: str) -> str:
    return next(line for line in sdp.splitlines() if line.startswith("a=fingerprint:"))


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))
