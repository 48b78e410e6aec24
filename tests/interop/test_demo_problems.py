"""The demo's page says in words what is wrong, in real browsers."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from handfast.demo import DemoOptions, open_demo
from handfast.demo.site import SIGNALING_PATH, create_site
from peer import PeerConnection
from signaling import Answer, Candidate, Offer, join
from tests.support.browser.browsers import BrowserName, Look, open_browser
from tests.support.browser.demo_page import DemoPage
from tests.support.network.asgi import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from signaling import Room

# TEST-NET-1 of RFC 5737: nobody answers there.
_NOWHERE = "candidate:1 1 udp 2130706431 192.0.2.1 40009 typ host"

#: Pixels from the middle of the empty picture to that of the text in it.
_OFF_CENTRE = """(() => {
    const middle = (selector) => {
        const { top, bottom } = document.querySelector(selector).getBoundingClientRect();
        return (top + bottom) / 2;
    };
    return Math.abs(middle("#returned") - middle("#returned-empty p"));
})()"""

chromium = pytest.mark.browser("chromium")
both = pytest.mark.parametrize(
    "name", [pytest.param(b, marks=pytest.mark.browser(b.value)) for b in BrowserName]
)


@chromium
async def test_a_server_that_was_stopped_is_named() -> None:
    async with open_browser("chromium") as browser:
        async with open_demo(DemoOptions(port=0)) as demo:
            page = await DemoPage.open(browser, demo.url)
        await page.press("call")

        words = await page.wait_for_problem("no-server")

    assert "make demo" in words
    assert "Try again" in words


@chromium
async def test_a_demo_that_is_stopped_during_a_call_says_so() -> None:
    async with open_browser("chromium") as browser:
        async with open_demo(DemoOptions(port=0)) as demo:
            page = await DemoPage.open(browser, demo.url)
            await page.call()

        words = await page.wait_for_problem("bye")

    assert "The demo was stopped." in words


@chromium
async def test_a_room_without_python_is_told_from_no_server() -> None:
    async with _site_without_python() as url, open_browser("chromium") as browser:
        page = await DemoPage.open(browser, url)
        await page.press("call")

        words = await page.wait_for_problem("no-peer")

    assert "has not joined" in words


@chromium
async def test_one_visitor_too_many_is_told_that_the_room_is_full() -> None:
    async with (
        open_demo(DemoOptions(port=0, visitors=1)) as demo,
        open_browser("chromium") as browser,
    ):
        first, second = [await DemoPage.open(browser, demo.url) for _ in range(2)]
        await first.call()
        await second.press("call")

        assert "Close another one" in await second.wait_for_problem("room-full")
        assert await first.text("status-text") == "In a call with Python"


@chromium
async def test_demo_page_calls_again_on_retry() -> None:
    async with (
        open_demo(DemoOptions(port=0, visitors=1)) as demo,
        open_browser("chromium") as browser,
    ):
        first, second = [await DemoPage.open(browser, demo.url) for _ in range(2)]
        await first.call()
        await second.press("call")
        await second.wait_for_problem("room-full")
        await first.tab.close()
        await demo.host.until(lambda visits: not visits)

        await second.press("problem-retry")

        await second.wait_for_state("channel", "open")


@both
async def test_a_refused_camera_is_said_and_the_test_picture_sent(name: BrowserName) -> None:
    async with (
        open_demo(DemoOptions(port=0)) as demo,
        open_browser(name, Look(camera=False)) as browser,
    ):
        page = await DemoPage.open(browser, demo.url, source="camera")
        await page.call()

        words = await page.wait_for_problem("camera-refused")

        assert "test picture" in words
        assert await page.wait_for_frames("inbound-rtp", 10) >= 10


@both
async def test_a_peer_that_cannot_be_reached_is_an_ice_failure(name: BrowserName) -> None:
    async with (
        _site_without_python() as url,
        open_browser(name) as browser,
        _unreachable_peer(url),
    ):
        page = await DemoPage.open(browser, url)
        assert await page.tab.evaluate(_OFF_CENTRE) < 2
        await page.press("call")
        shown = "document.getElementById('progress').innerText"
        progress = await page.tab.wait_for(f"{shown}.includes('none answered so far') && {shown}")

        words = await page.wait_for_problem("ice-failed", timeout=60)

        assert "s of at most 25 s: " in progress
        assert " here, 1 address there; " in progress
        assert await page.text("progress") == ""
        assert "UDP" in words
        assert await page.text("status-text") == "The call failed"


@chromium
async def test_ladder_of_a_call_fills_over_signalling_while_ice_finds_no_path() -> None:
    async with open_demo(DemoOptions(port=0)) as demo, open_browser("chromium") as browser:
        page = await DemoPage.open(browser, demo.url)
        # With no server to relay, the page has no address at all.
        await page.tab.evaluate(
            """void (globalThis.RTCPeerConnection = class extends RTCPeerConnection {
                constructor(configuration) {
                    super({ ...configuration, iceTransportPolicy: "relay" });
                }
            })"""
        )
        await page.press("call")

        rows = await page.ladder("Python peer to this page: answer")

        assert rows[0].endswith("this page to Python peer: offer")
        assert (
            await page.tab.evaluate("handfast.session.call.connection.sctp.state") == "connecting"
        )


@contextlib.asynccontextmanager
async def _site_without_python() -> AsyncIterator[str]:
    async with serve(create_site(visitors=2)) as address:
        yield address.replace("ws", "http", 1) + "/"


@contextlib.asynccontextmanager
async def _unreachable_peer(url: str) -> AsyncIterator[None]:
    """Somebody who answers the call, and whom no packet reaches."""
    socket = url.replace("http", "ws", 1).rstrip("/") + SIGNALING_PATH
    async with await join(socket, room="demo", name="python") as room:
        answering = asyncio.create_task(_answer(room))
        yield
        await answering


async def _answer(room: Room) -> None:
    channel = await room.next_channel()
    async with PeerConnection() as pc:
        async for message in channel:
            if isinstance(message, Offer):
                await pc.setRemoteDescription(message.session_description)
                await pc.setLocalDescription()
                answer = pc.localDescription
                assert answer is not None
                # Closed at once, so that we do not look for the page either.
                await pc.close()
                lines = answer.sdp.split("\r\n")
                sdp = "\r\n".join(x for x in lines if not x.startswith("a=candidate"))
                await channel.send(Answer(sdp=sdp))
                await channel.send(Candidate(candidate=_NOWHERE, sdpMid="0", sdpMLineIndex=0))
