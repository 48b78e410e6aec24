"""The page of a room in real browsers, beside a Python bot: every button, and what may go wrong."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from handfast.demo.site import create_site
from tests.support.browser.browsers import Browser, BrowserName, Look, open_browser
from tests.support.browser.firefox import MICROPHONE_PITCH
from tests.support.browser.room_page import BOT_SOUND, Bot, RoomPage, bot_in
from tests.support.links.cable import cable_to
from tests.support.network.asgi import serve
from tests.support.project.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.links.cable import Cable

_ROOM = "lobby"
#: TEST-NET-1 of RFC 5737: the address of this machine for others, as far as its page knows.
_ELSEWHERE = "192.0.2.7"
_WIDE = Look(width=1440, height=900)

#: Lets a page play no sound before somebody has clicked, as browsers do where nobody has yet.
_BLOCK_SOUND = """(() => {
    globalThis.soundIsBlocked = true;
    globalThis.soundPlays = 0;
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = function () {
        if (this.tagName === "AUDIO") {
            if (soundIsBlocked) return Promise.reject(new DOMException("", "NotAllowedError"));
            soundPlays += 1;
        }
        return play.call(this);
    };
})()"""

#: A picture that can be shared without a choice.
_SCREEN = """void (navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = document.createElement("canvas");
    const pen = canvas.getContext("2d");
    setInterval(() => pen.fillRect(Math.random() * 300, Math.random() * 150, 20, 20), 100);
    return canvas.captureStream();
})"""

chromium = pytest.mark.browser("chromium")
each_browser = pytest.mark.parametrize(
    "name",
    [
        pytest.param("chromium", marks=pytest.mark.browser("chromium")),
        pytest.param("firefox", marks=(pytest.mark.browser("firefox"), pytest.mark.long)),
    ],
)


@contextlib.asynccontextmanager
async def _site() -> AsyncIterator[tuple[str, str, Cable]]:
    """The `ws:` address of a server, the page of its room, and the cable to it."""
    async with (
        serve(create_site(visitors=8, host=_ELSEWHERE)) as server,
        cable_to(server) as (cable, url),
    ):
        yield url, f"{url.replace('ws', 'http', 1)}/room/{_ROOM}", cable


@contextlib.asynccontextmanager
async def _room_with_bot(
    name: BrowserName | str, look: Look = _WIDE
) -> AsyncIterator[tuple[Browser, str, Bot, Cable]]:
    async with (
        _site() as (url, page, cable),
        open_browser(name, look) as browser,
        bot_in(url, room=_ROOM) as bot,
    ):
        yield browser, page, bot, cable
        assert [said for said in browser.complaints if "WebSocket connection to" not in said] == []


@pytest.mark.needs("axe")
@each_browser
async def test_room_page_shows_a_python_bot_and_every_button_of_it_works(name: BrowserName) -> None:
    async with _room_with_bot(name) as (browser, url, bot, cable):
        page = await RoomPage.open(browser, url)
        await page.tab.wait_for("document.querySelector('#preview-figure.live') !== null")
        if name == "chromium":
            # An AudioContext of Firefox stands still on a machine without sound.
            await page.tab.wait_for("document.getElementById('level').value > 0")
        assert await page.faults() == []
        await _choose_before_joining(page)
        await page.tab.evaluate(_BLOCK_SOUND)
        await page.join("Ada")
        await _meet(page, bot)
        await _hear(page)
        await _switch(page, bot)
        await _change_devices(page)
        assert await page.faults() == []
        assert await page.overflow() == 0
        await page.tab.screenshot(_screenshot(name, "wide-light"), whole=True)
        await _break(page, cable)
        await _reload_while_muted(page)
        await _leave(page)


async def _choose_before_joining(page: RoomPage) -> None:
    live = "document.querySelector('#preview-figure.live') !== null"
    await page.press("toggle-camera")
    await page.pressed("toggle-camera", on=False)
    assert await page.tab.evaluate(live) is False
    await page.press("toggle-camera")
    await page.tab.wait_for(live)


async def _hear(page: RoomPage) -> None:
    """Press what is there where a browser plays no sound before somebody has clicked."""
    await page.tab.wait_for("!document.getElementById('hear').hidden")
    await page.tab.evaluate("void (globalThis.soundIsBlocked = false)")
    await page.press("hear")
    await page.tab.wait_for("document.getElementById('hear').hidden && soundPlays > 0")


async def _meet(page: RoomPage, bot: Bot) -> None:
    await page.captions("You", "bot")
    await page.more_frames("bot")
    await bot.until("frames", 10)
    await page.until_heard("bot", BOT_SOUND.value, within=3)
    await page.say("hello, bot")
    await bot.hears("hello, bot")
    bot.say("hello, page")
    assert "Ada" not in await page.read("lines", "hello, page")
    await page.read("status-text", "In the room with one other")


async def _switch(page: RoomPage, bot: Bot) -> None:
    for button, kind in (("toggle-microphone", "audioinput"), ("toggle-camera", "videoinput")):
        await page.press(button)
        await page.pressed(button, on=False)
        assert await page.tab.evaluate(f"handfast.media.track('{kind}').enabled") is False
        await page.press(button)
        await page.pressed(button, on=True)
    if await page.tab.evaluate("navigator.userAgent.includes('Firefox')"):
        # Its choice of a screen is a window of the browser, where nobody clicks in a test.
        await page.tab.evaluate(_SCREEN)
    await page.press("share")
    await page.captions("You", "Your screen", "bot")
    await bot.until("tracks", 2)
    await page.press("share")
    await page.captions("You", "bot")
    await page.pressed("share", on=False)


async def _change_devices(page: RoomPage) -> None:
    await page.tab.evaluate("document.querySelector('#devices-during summary').click()")
    assert await page.tab.evaluate("document.getElementById('devices-during').open") is True
    for select, kind in (("microphone", "audioinput"), ("camera", "videoinput")):
        before = await page.tab.evaluate(f"handfast.media.track('{kind}').id")
        await page.tab.evaluate(
            f"""(() => {{
                const select = document.getElementById("{select}");
                select.selectedIndex = select.options.length - 1;
                select.dispatchEvent(new Event("change"));
            }})()"""
        )
        track = f"handfast.media.track('{kind}')"
        await page.tab.wait_for(f"{track} && {track}.id !== '{before}'")
        published = f"[...handfast.room.published.keys()].includes({track})"
        await page.tab.wait_for(published)
    await _change_speaker(page)
    await page.press("copy")
    await page.read("copy", "Cop")
    assert "https only, on a phone as well" in await page.read("invite-note", "--certfile")
    await page.tab.wait_for("document.getElementById('qr').naturalWidth > 0")


async def _change_speaker(page: RoomPage) -> None:
    await page.tab.evaluate(
        """(() => {
            const select = document.getElementById("speaker");
            select.selectedIndex = select.options.length - 1;
            select.dispatchEvent(new Event("change"));
        })()"""
    )
    heard = "[...document.querySelectorAll('.people audio')]"
    chosen = "document.getElementById('speaker').value"
    await page.tab.wait_for(f"{heard}.every(({{ sinkId }}) => sinkId === {chosen})")


async def _break(page: RoomPage, cable: Cable) -> None:
    known = cable.connections
    cable.cut()
    await cable.tried(known + 1)
    await page.tab.wait_for("handfast.room.status === 'joined'")
    await page.more_frames("bot")


async def _reload_while_muted(page: RoomPage) -> None:
    await page.press("toggle-microphone")
    await page.tab.reload()
    await page.ready()
    await page.captions("You", "bot")
    await page.pressed("toggle-microphone", on=False)
    await page.pressed("toggle-camera", on=True)
    enabled = "handfast.media.track('audioinput').enabled"
    assert await page.tab.evaluate(enabled) is False
    # Nor is another microphone open then.
    await page.tab.evaluate("handfast.media.choose('audioinput', '').then(() => 0)")
    assert await page.tab.evaluate(enabled) is False


async def _leave(page: RoomPage) -> None:
    await page.press("leave")
    await page.read("status-text", "You have left the room")
    assert await page.tab.evaluate("document.getElementById('meeting').hidden") is True
    await page.join("Ada")
    await page.captions("You", "bot")


def _screenshot(name: str, look: str) -> Path:
    path = ROOT / "artifacts" / f"room-{name}-{look}.png"
    path.unlink(missing_ok=True)
    return path


@pytest.mark.needs("axe")
@chromium
async def test_room_page_without_camera_and_microphone_says_why_and_joins_on_a_dark_phone() -> None:
    look = Look(width=390, height=844, dark=True, camera=False)
    async with _room_with_bot("chromium", look) as (browser, url, _, _):
        page = await RoomPage.open(browser, url)
        said = await page.read("media-note", "camera was refused")
        assert "microphone was refused" in said
        await page.join("Ada")
        await page.captions("You", "bot")
        await page.more_frames("bot")

        assert await page.tab.evaluate("document.getElementById('toggle-camera').disabled") is True
        assert await page.faults() == []
        assert await page.overflow() == 0
        await page.tab.screenshot(_screenshot("chromium", "phone-dark"), whole=True)

        alone = await RoomPage.open(browser, f"{url}-of-nobody")
        await alone.join("Ada")
        await alone.say("hello?")
        await alone.read("lines", "Nobody else is here to read it.")


@pytest.mark.long
@pytest.mark.browser("chromium")
@pytest.mark.browser("firefox")
async def test_chromium_firefox_and_a_python_bot_see_and_hear_each_other_in_one_room() -> None:
    async with (
        _room_with_bot("chromium") as (browser, url, bot, _),
        open_browser("firefox") as other,
    ):
        ada = await RoomPage.open(browser, url)
        await ada.join("Ada")
        bob = await RoomPage.open(other, url)
        await bob.join("Bob")
        for page, them in ((ada, "Bob"), (bob, "Ada")):
            await page.captions("You", "bot", them)
            await page.more_frames(them)
            await page.more_frames("bot")
        await bot.until("tracks", 2)
        # The tone of Firefox's microphone; Chromium's beeps now and then.
        while (pitch := bot.meter.measure().pitch) is None or abs(pitch - MICROPHONE_PITCH) > 3:
            bot.changed.clear()
            await bot.changed.wait()
        await ada.say("hello, Bob")
        await bob.read("lines", "hello, Bob")
