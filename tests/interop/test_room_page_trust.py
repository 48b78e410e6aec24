"""Who somebody is, on the page of a room: phrases, keys that are known, and keys that change."""

from __future__ import annotations

import contextlib
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from handfast.demo.site import create_site
from peer import Certificate, PeerConfiguration
from peer.trust import Continuity, KnownPeers, Trust
from tests.support.browser.browsers import BrowserName, Look, open_browser
from tests.support.browser.chromium import ChromiumPage
from tests.support.browser.room_page import Bot, RoomPage, bot_in
from tests.support.network.asgi import serve
from tests.support.project.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_WIDE, _PHONE = Look(width=1440, height=900), Look(width=390, height=844)
_COMPARES = Trust(phrase=True)
#: As browsers have it that refuse a page its storage.
_NO_DATABASE = """Object.defineProperty(globalThis, "indexedDB", {
    get() { throw new DOMException("refused", "SecurityError"); },
})"""
_KEPT_NOT = "This browser keeps nothing for this page"


def _looks() -> list[Any]:
    """Each browser by day and by night, on a desk and on a phone; one of them in every run."""
    looks = []
    for name in BrowserName:
        for size, dark in ((_WIDE, False), (_PHONE, True), (_WIDE, True), (_PHONE, False)):
            always = (name, size, dark) == (BrowserName.CHROMIUM, _WIDE, False)
            marks = [pytest.mark.browser(name.value)] + ([] if always else [pytest.mark.long])
            look = Look(width=size.width, height=size.height, dark=dark)
            words = f"{'phone' if look.width < 600 else 'wide'}-{'dark' if dark else 'light'}"
            looks.append(pytest.param(name, look, words, marks=marks, id=f"{name}-{words}"))
    return looks


@contextlib.asynccontextmanager
async def _site() -> AsyncIterator[tuple[str, str]]:
    """The `ws:` address of a server, and the page of its room."""
    async with serve(create_site(visitors=8, host="192.0.2.7")) as url:
        yield url, f"{url.replace('ws', 'http', 1)}/room/lobby"


@pytest.mark.needs("axe")
@pytest.mark.conformance("8.5-sas", "8.4-continuity", peers=("Chromium", "Firefox"))
@pytest.mark.parametrize(("name", "look", "words"), _looks())
async def test_room_page_knows_who_was_confirmed_and_holds_another_key_back(
    name: BrowserName, look: Look, words: str, tmp_path: Path
) -> None:
    remembers = Trust(
        phrase=True,
        known_peers=KnownPeers(tmp_path / "known.db"),
        continuity=Continuity.REMEMBER,
    )
    certificates = Certificate.generate(), Certificate.generate()
    async with _site() as (url, room), open_browser(name, look) as browser:

        def bot(certificate: Certificate) -> contextlib.AbstractAsyncContextManager[Bot]:
            known = PeerConfiguration(
                certificates=[certificate], trust=remembers, peer_name="sip:ada@example.org"
            )
            return bot_in(url, room="lobby", configuration=known)

        async with bot(certificates[0]) as first:
            page = await RoomPage.open(browser, room)
            await page.join("Ada")
            await page.verdict("bot", "Not checked: compare the phrase")
            # Nobody waits for people to compare.
            await page.more_frames("bot")
            await _looks_well(page, f"{name}-{words}-phrase")
            assert await page.phrase("bot") == await first.phrase("Ada")
            await page.decide("bot", "It matches")
            await page.verdict("bot", "Checked")

            await page.tab.reload()
            await page.ready()
            await page.verdict("bot", "Checked")
            # Nor does the bot, which would refuse another certificate of the page.
            await page.more_frames("bot")

        await page.captions("You")
        async with bot(certificates[1]) as second:
            said = await page.verdict("bot", "Another key than before")
            for each in certificates:
                assert str(each.fingerprint()) in said
            await _nothing_passes(page, second)
            await _looks_well(page, f"{name}-{words}-changed")
            await page.decide("bot", "Accept the new key")
            await page.verdict("bot", "The key that you have accepted")
            await page.more_frames("bot")
            await page.picture("bot", shown=True)
            await second.until("frames", 10)
            await page.read("lines", "psst")

            await page.decide("bot", "It does not match")
            said = await page.verdict("bot", "does not match")
            assert "Somebody may sit between you and bot" in said
            await page.picture("bot", shown=False)
            await _looks_well(page, f"{name}-{words}-mismatch")
            await page.decide("bot", "Compare once more")
            await page.picture("bot", shown=True)
            await page.decide("bot", "It does not match")
            await page.decide("bot", "Leave the room")
            await page.read("status-text", "You have left the room")
        assert browser.complaints == []


async def _nothing_passes(page: RoomPage, bot: Bot) -> None:
    """Neither picture nor a line of chat comes from a bot with another key, and none goes to it."""
    await bot.opened()
    bot.say("psst")
    # Its channel for lines of chat carries one the other way, behind its own.
    await page.tab.wait_for(
        "handfast.room.participants[0].connection.connectionState === 'connected'"
    )
    await page.picture("bot", shown=False)
    assert await page.tab.evaluate(
        "handfast.room.participants[0].connection.getSenders().every(({ track }) => track === null)"
    )
    assert (
        await page.tab.evaluate(
            "document.querySelector('.people audio').srcObject.getTracks().length"
        )
        == 0
    )
    await page.more_frames("bot")
    assert "psst" not in await page.tab.evaluate("document.getElementById('lines').innerText")
    assert bot.frames == 0


async def _looks_well(page: RoomPage, name: str) -> None:
    path = ROOT / "artifacts" / f"room-trust-{name}.png"
    path.unlink(missing_ok=True)
    assert await page.faults() == []
    assert await page.overflow() == 0
    await page.tab.screenshot(path, whole=True)


@pytest.mark.long
@pytest.mark.browser("chromium")
async def test_room_page_says_where_the_browser_keeps_nothing_and_confirms_until_a_reload() -> None:
    compares = PeerConfiguration(trust=_COMPARES)
    async with (
        _site() as (url, room),
        open_browser("chromium", _WIDE) as browser,
        bot_in(url, room="lobby", configuration=compares) as bot,
    ):
        page = await RoomPage.open(browser, room)
        assert isinstance(page.tab, ChromiumPage)
        await page.tab.before_load(_NO_DATABASE)
        await page.tab.reload()
        await page.ready()
        await page.join("Ada")
        assert await page.phrase("bot") == await bot.phrase("Ada")
        assert _KEPT_NOT in await page.verdict("bot", "Not checked")
        await page.decide("bot", "It matches")
        await page.verdict("bot", "Checked")
        first = bot.phrases.pop("Ada")
        await page.tab.reload()
        await page.ready()
        await page.verdict("bot", "Not checked")
        assert await page.phrase("bot") == await bot.phrase("Ada")
        assert bot.phrases["Ada"] != first
        assert browser.complaints == []


@pytest.mark.long
@pytest.mark.browser("chromium")
@pytest.mark.browser("firefox")
@pytest.mark.conformance("8.5-sas", peers=("Chromium", "Firefox"))
async def test_each_pair_of_a_room_has_its_own_phrase_in_chromium_firefox_and_python() -> None:
    compares = PeerConfiguration(trust=_COMPARES)
    async with (
        _site() as (url, room),
        open_browser("chromium") as chromium,
        open_browser("firefox") as firefox,
        bot_in(url, room="lobby", configuration=compares) as bot,
    ):
        ada = await RoomPage.open(chromium, room)
        await ada.join("Ada")
        bob = await RoomPage.open(firefox, room)
        await bob.join("Bob")
        pairs = [
            (await ada.phrase("Bob"), await bob.phrase("Ada")),
            (await ada.phrase("bot"), await bot.phrase("Ada")),
            (await bob.phrase("bot"), await bot.phrase("Bob")),
        ]
        assert [one == other for one, other in pairs] == [True] * 3
        assert all(one != other for (one, _), (other, _) in combinations(pairs, 2))
