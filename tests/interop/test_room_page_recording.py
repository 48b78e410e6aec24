"""The button of a room's page that has the room recorded, in real browsers."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING

import av
import httpx
import pytest

from handfast.room_recordings.bounds import RecordingBounds
from tests.support.browser.browsers import Browser, BrowserName, Look, open_browser
from tests.support.browser.room_page import RoomPage, bot_in
from tests.support.project.tools import ROOT
from tests.support.rooms.recorded_rooms import recording_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.browser.room_page import Bot


_ROOM = "a/b"
_LINK = "document.querySelector('#recording-files a')"
#: Plays a file to its end; its duration and the size of its picture.
_PLAYED = """async (url) => {
    const video = document.createElement("video");
    video.muted = true;
    video.src = url;
    const ended = new Promise((resolve, reject) => {
        video.onended = resolve;
        video.onerror = () => reject(new Error(video.error.message));
    });
    await video.play();
    await ended;
    return [video.currentTime, video.videoWidth, video.videoHeight];
}"""
_SHOWN = "getComputedStyle(document.getElementById('recorded')).display !== 'none'"

each_browser = pytest.mark.parametrize(
    "name",
    [
        pytest.param("chromium", marks=pytest.mark.browser("chromium")),
        pytest.param("firefox", marks=(pytest.mark.browser("firefox"), pytest.mark.long)),
    ],
)


@contextlib.asynccontextmanager
async def _room(
    folder: Path,
    name: BrowserName | str,
    *,
    bounds: RecordingBounds | None = None,
    look: Look | None = None,
) -> AsyncIterator[tuple[str, Browser, Bot]]:
    """The page of a room on a server that records, a browser, and a bot in the room."""
    async with (
        recording_server(folder, bounds=bounds) as server,
        open_browser(name, look or Look(width=1440, height=900)) as browser,
        bot_in(server.url.removesuffix("/ws"), room=_ROOM) as bot,
    ):
        yield f"{server.http}/room/a%2Fb", browser, bot


async def _join(browser: Browser, url: str, name: str) -> RoomPage:
    page = await RoomPage.open(browser, url)
    await page.join(name)
    return page


async def _recorded(page: RoomPage, seconds: int) -> None:
    """Wait until the page says that so much is recorded."""
    said = "document.getElementById('recorded-time').textContent"
    await page.tab.wait_for(f"{_SHOWN} && Number({said}.split(':')[1]) >= {seconds}")


async def _record(page: RoomPage, layout: str) -> None:
    """Have the room recorded, one way or the other."""
    await page.press("record")
    choice = f"document.querySelector('[name=layout][value={layout}]')"
    await page.tab.evaluate(f"void ({choice}.checked = true)")
    await page.press("record-start")


async def _button(page: RoomPage, words: str) -> None:
    button = "document.getElementById('record')"
    await page.tab.wait_for(f"!{button}.disabled && {button}.textContent === {json.dumps(words)}")


@pytest.mark.needs("axe")
@each_browser
async def test_page_has_the_room_recorded_through_a_reload_until_it_stops_that(
    name: BrowserName, tmp_path: Path
) -> None:
    async with _room(tmp_path, name) as (url, browser, bot):
        page = await _join(browser, url, "Ada")
        await page.captions("You", "bot")
        await page.press("record")
        assert "for an hour" in await page.read("record-ask", "Everybody in the room sees")
        assert await page.faults() == []
        await page.press("record-cancel")
        # A file for each person, as it came: nothing is encoded on a machine that has enough to do.
        await _record(page, "separate")
        await page.captions("You", "bot", "Recorder")
        # A bot has no eyes for the page.
        await bot.hears("This room is recorded, as Ada asked.")
        await _recorded(page, 1)
        assert await page.overflow() == 0
        await page.tab.screenshot(ROOT / "artifacts" / f"room-{name}-recorded.png")

        # A page that is loaded again still has the recording that it has asked for.
        await page.tab.reload()
        await page.ready()
        await _button(page, "Stop recording")
        await page.captions("You", "bot", "Recorder")
        await _recorded(page, 2)
        await page.press("record")
        assert "a-b-2" in await page.read("recording-mine", "deletes it in an hour")
        await page.captions("You", "bot")
        await page.tab.wait_for(f"!({_SHOWN})")
        await _button(page, "Record")
        assert await page.faults() == []
        assert browser.complaints == []


async def _download(url: str) -> None:
    async with httpx.AsyncClient() as client:
        content = (await client.get(url)).content
    with av.open(io.BytesIO(content), "r") as container:
        assert sorted(stream.type for stream in container.streams) == ["audio", "video"]
        assert any(True for _ in container.decode(video=0))


@pytest.mark.browser("chromium")
@pytest.mark.needs("axe")
async def test_page_on_a_dark_phone_sees_who_had_the_room_recorded_and_cannot_have_it_twice(
    tmp_path: Path,
) -> None:
    look = Look(width=390, height=844, dark=True)
    async with _room(tmp_path, "chromium", look=look) as (url, browser, _):
        bob = await _join(browser, url, "Bob")
        await _record(bob, "separate")
        await _button(bob, "Stop recording")
        ada = await _join(browser, url, "Ada")
        await ada.read("recorded", "This room is recorded, as Bob asked.")
        await _record(ada, "grid")
        await ada.read("recording-said", "This room is being recorded already.")
        assert await ada.faults() == []
        assert await ada.overflow() == 0
        await ada.tab.screenshot(ROOT / "artifacts" / "room-chromium-refused.png", whole=True)
        # Of the refusal the browser makes a line of its own.
        assert ["409" in each for each in browser.complaints] == [True]


@pytest.mark.browser("chromium")
async def test_page_says_why_a_recording_ended_by_itself(tmp_path: Path) -> None:
    bounds = RecordingBounds(longest=0.5)
    async with _room(tmp_path, "chromium", bounds=bounds) as (url, browser, _):
        page = await _join(browser, url, "Ada")
        await _record(page, "separate")
        await page.read("recording-mine", "It ended at the longest that the server records.")
        await _button(page, "Record")
        assert browser.complaints == []


@each_browser
async def test_who_leaves_ends_the_recording_and_one_video_of_everybody_plays_in_the_page(
    name: BrowserName, tmp_path: Path
) -> None:
    async with _room(tmp_path, name) as (url, browser, _):
        ada = await _join(browser, url, "Ada")
        await ada.captions("You", "bot")
        await _record(ada, "grid")
        await _recorded(ada, 1)
        await ada.press("leave")
        await ada.read("status-text", "You have left the room")
        await ada.read("recording-mine", "a-b-2")
        video = await ada.tab.evaluate(f"{_LINK}.href")
        seconds, width, height = await ada.tab.evaluate(f"({_PLAYED})({json.dumps(video)})")
        assert seconds >= 1
        assert width > height > 0
        assert await ada.tab.evaluate(f"{_LINK}.download.endsWith('.webm')")
        assert browser.complaints == []
        await _download(video)
