"""A page that uses the room client (docs/CLIENT.md), as a test drives it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from signaling import Opening
from signaling.server import create_app
from signaling.server.browser_client import CLIENT_NAME

if TYPE_CHECKING:
    from starlette.requests import Request

    from tests.support.browser.browsers import Browser, Page

#: The program of the page: joins, publishes camera and microphone, and notes what it is told.
_PROGRAM = """async (client, room, name, opening) => {
    const { join } = await import(client);
    globalThis.chat = [];
    globalThis.left = [];
    globalThis.statuses = [];
    // Small, so that a busy machine has time for what is tested.
    globalThis.video = { width: 160, height: 120, frameRate: 15 };
    // Before the room, so that the first offer has what is published.
    globalThis.stream = await navigator.mediaDevices.getUserMedia({ audio: true, video });
    globalThis.here = await join({ room, name, opening, storage: sessionStorage });
    for (const track of stream.getTracks()) here.publish(track, stream);
    here.on("chat", ({ participant, text }) => chat.push([participant.name, text]));
    here.on("left", ({ name }) => left.push(name));
    here.on("status", (status) => statuses.push(status));
    here.on("end", ({ code }) => statuses.push(code));
    globalThis.other = (name) => here.participants.find((one) => one.name === name);
    globalThis.stats = async (name, type) => {
        const report = await other(name)?.connection?.getStats();
        return [...(report?.values() ?? [])].filter((each) => each.type === type);
    };
    globalThis.frames = async (name) => {
        const pictures = (await stats(name, "inbound-rtp")).filter(({ kind }) => kind === "video");
        return pictures.map(({ framesDecoded }) => framesDecoded);
    };
    return 0;
}"""


def rooms_with_page() -> Starlette:
    """Create a room server that has an empty page of its own."""

    async def page(_: Request) -> HTMLResponse:
        return HTMLResponse("<title>room</title><link rel=icon href=data:,>")

    return Starlette(routes=[Route("/", page), *create_app().routes])


@dataclass(frozen=True)
class RoomTab:
    """A participant of a room in one tab."""

    tab: Page
    url: str

    @classmethod
    async def join(
        cls,
        browser: Browser,
        url: str,
        *,
        room: str,
        name: str,
        opening: Opening = Opening.OFFER,
    ) -> RoomTab:
        """Open a page of the server whose `ws:` address this is, and join a room."""
        page = f"{url.replace('ws', 'http', 1)}/"
        here = cls(await browser.open(page), page + CLIENT_NAME)
        await here.enter(room=room, name=name, opening=opening)
        return here

    async def enter(self, *, room: str, name: str, opening: Opening = Opening.OFFER) -> None:
        """Join a room with the page as it is."""
        arguments = ", ".join(json.dumps(each) for each in (self.url, room, name, opening.value))
        await self.tab.evaluate(f"({_PROGRAM})({arguments})")

    async def frames(self, name: str, *, least: int = 1, tracks: int = 1) -> list[int]:
        """Wait until pictures of somebody are decoded, and return the counts of their tracks."""
        look = (
            f"frames({json.dumps(name)}).then((counts) => "
            f"counts.filter((count) => count >= {least}).length === {tracks} && counts)"
        )
        counts: list[int] = await self.tab.wait_for(look)
        return counts

    async def more_frames(self, name: str) -> None:
        """Wait for ten further pictures of somebody."""
        (before,) = await self.frames(name)
        await self.frames(name, least=before + 10)

    async def chat(self, *lines: tuple[str, str]) -> list[tuple[str, str]]:
        """Wait for as many lines of chat, and return all."""
        said = await self.tab.wait_for(f"chat.length >= {len(lines)} && chat")
        return [tuple(line) for line in said]

    async def value(self, script: str) -> Any:
        """The value of an expression."""
        return await self.tab.evaluate(script)
