"""The page of a room that asks for tokens: who gets in, what a guest needs, and who may record."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.browser.browsers import Browser, open_browser
from tests.support.browser.room_page import RoomPage
from tests.support.rooms.recorded_rooms import TOKENS, recording_server, room_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.browser("chromium")


def _link(page: str, **claims: Any) -> str:
    return f"{page}#token={room_token('lobby', **claims)}"


@contextlib.asynccontextmanager
async def _room(folder: Path) -> AsyncIterator[tuple[Browser, str]]:
    async with (
        recording_server(folder, tokens=TOKENS) as server,
        open_browser("chromium") as browser,
    ):
        yield browser, f"{server.http}/room/lobby"


async def test_page_of_a_room_with_tokens_says_how_a_guest_gets_one_and_takes_no_guest_without(
    tmp_path: Path,
) -> None:
    async with _room(tmp_path) as (browser, url):
        ada = await RoomPage.open(browser, _link(url))
        await ada.join("Ada")
        note = await ada.read("invite-note", "This room asks for a token")
        assert "Whoever gave you yours makes one for each guest" in note
        # Others would be let in as Ada by the link that she has.
        assert await ada.read("link", "/room/lobby") == url
        assert await ada.tab.evaluate("document.getElementById('qr').hidden") is True

        guest = await RoomPage.open(browser, url)
        await guest.tab.evaluate("void (document.getElementById('name').value = 'Bob')")
        await guest.press("join")
        await guest.read("problem-title", "This room asks for a token")
        assert browser.complaints == []


async def test_page_says_that_its_token_does_not_let_it_record_and_records_with_one_that_does(
    tmp_path: Path,
) -> None:
    async with _room(tmp_path) as (browser, url):
        for claims, said in (
            ({}, "You may not record this room: the token does not give the right to record."),
            ({"record": True}, ""),
        ):
            page = await RoomPage.open(browser, _link(url, **claims))
            await page.join("Ada")
            await page.press("record")
            await page.press("record-start")
            if said:
                await page.read("recording-said", said)
            else:
                await page.read("recorded", "This room is recorded, as Ada asked.")
        # Of the refusal the browser makes a line of its own.
        assert ["403" in each for each in browser.complaints] == [True]
