"""The same phrase in a page of a real browser and in a program (docs/TRUST.md, RFC 5763 8.5)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer import PeerConfiguration, PeerConnection
from peer.trust import Trust
from signaling import Negotiator, join
from tests.support.browser.browsers import BrowserName, open_browser
from tests.support.browser.room_client import rooms_with_page
from tests.support.negotiation.connections import within
from tests.support.network.asgi import serve

if TYPE_CHECKING:
    from peer.trust import Phrase

#: Joins a room, and notes the phrase with the one who comes, whole.
_PROGRAM = """async (client) => {
    const { join } = await import(client);
    const list = await (await fetch("/handfast-words.json")).json();
    globalThis.found = [];
    globalThis.room = await join({ room: "lobby", name: "page", phrases: true });
    const look = (participant) => participant.on("phrase", (phrase) => found.push(
        phrase instanceof Error ? phrase.message : [
            phrase.words(list).join(" "),
            phrase.digits,
            phrase.emoji.map(({ symbol }) => symbol).join(""),
            phrase.emoji.map(({ name }) => name).join(" "),
        ],
    ));
    room.participants.forEach(look);
    room.on("participant", look);
    return 0;
}"""


def shown(phrase: Phrase) -> list[str]:
    """What the page shows of a phrase."""
    names = " ".join(phrase.emoji_names)
    return [str(phrase), phrase.digits, "".join(phrase.emoji), names]


@pytest.mark.conformance("8.5-sas", peers=("Chromium", "Firefox"))
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("chromium", marks=pytest.mark.browser("chromium")),
        pytest.param("firefox", marks=pytest.mark.browser("firefox")),
    ],
)
@pytest.mark.parametrize("page_is_first", [True, False], ids=["page-first", "program-first"])
async def test_a_page_and_a_program_have_the_same_phrase_whoever_offers(
    name: BrowserName, page_is_first: bool
) -> None:
    async with serve(rooms_with_page()) as url, open_browser(name) as browser:
        tab = await browser.open(f"{url.replace('ws', 'http', 1)}/")
        enter = f"({_PROGRAM})('/handfast-client.js')"
        if page_is_first:
            await tab.evaluate(enter)
        async with (
            await join(f"{url}/ws", room="lobby", name="program") as room,
            PeerConnection(PeerConfiguration(trust=Trust(phrase=True))) as pc,
        ):
            if not page_is_first:
                await tab.evaluate(enter)
            channel = await within(anext(room.channels()))
            async with asyncio.TaskGroup() as tasks:
                negotiating = tasks.create_task(
                    Negotiator(pc, channel, polite=channel.polite).run()
                )
                phrase = await within(pc.phrase())
                assert await tab.wait_for("found.length > 0 && found") == [shown(phrase)]
                negotiating.cancel()
