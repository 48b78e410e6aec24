"""Owns the soak of a meeting: Chromium, Firefox and three Python bots in one room for minutes.

`python -m tests.soak.meeting [MINUTES]`; five by default. Pictures of everybody have to go on at
everybody, and the tone of each bot has to be heard at each other end; memory does not grow.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TypeAlias

from rich.console import Console

from handfast.demo.site import create_site
from tests.soak.gauges import GROWTH, Memory, growth, warm
from tests.support.browser.browsers import Look, open_browser
from tests.support.browser.firefox import MICROPHONE_PITCH
from tests.support.browser.media_page import Subject
from tests.support.browser.room_page import RoomPage
from tests.support.negotiation.connections import until
from tests.support.network.asgi import serve
from tests.support.rooms.counting_bot import CountingBot, counting_bot

MINUTES = 5.0
ROOM = "lobby"
#: What each bot sends.
BOTS = {
    "Do": (Subject.DO, Subject.RED),
    "Mi": (Subject.MI, Subject.GREEN),
    "So": (Subject.SO, Subject.BLUE),
}
#: Name and browser of each page, and the pitch in Hz of its microphone; Chromium's only beeps.
PAGES = {"Ada": ("chromium", None), "Bob": ("firefox", float(MICROPHONE_PITCH))}
PITCHES = {name: sound.value for name, (sound, _) in BOTS.items()} | {
    name: pitch for name, (_, pitch) in PAGES.items()
}
#: Seconds between two looks.
LOOK = 10.0
#: Hz by which a pitch may be off.
OFF = 5.0
_LOOK = Look(width=1440, height=900)

#: Pictures decoded at one of the other.
Pair: TypeAlias = tuple[str, str]


@dataclass
class Meeting:
    """Everybody in the room."""

    bots: dict[str, CountingBot] = field(default_factory=dict)
    pages: dict[str, RoomPage] = field(default_factory=dict)

    async def frames(self) -> dict[Pair, int]:
        """Return how many pictures each has decoded of each other one."""
        found = {}
        for here in PITCHES:
            for there in PITCHES:
                if here in self.bots and here != there:
                    found[here, there] = self.bots[here].frames[there]
                elif here != there:
                    found[here, there] = await self.pages[here].frames(there)
        return found

    async def pitches(self) -> dict[Pair, float | None]:
        """Return the pitch in Hz that each hears now of each other one that sends a tone."""
        found = {}
        for here in PITCHES:
            for there in (each for each, pitch in PITCHES.items() if pitch and each != here):
                if here in self.bots:
                    found[here, there] = self.bots[here].meters[there].measure().pitch
                else:
                    found[here, there] = await self.pages[here].hears(there)
        return found


@dataclass
class Account:
    """What happened."""

    looks: list[dict[Pair, int]] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    pitches: dict[Pair, float | None] = field(default_factory=dict)
    seconds: float = 0.0


@asynccontextmanager
async def meeting() -> AsyncIterator[Meeting]:
    """Everybody in one room, and seen by everybody."""
    found = Meeting()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serve(create_site(visitors=8)))
        for name in BOTS:
            bot = counting_bot(f"{url}/ws", room=ROOM, name=name, sends=BOTS[name])
            found.bots[name] = await stack.enter_async_context(bot)
        for name, (browser, _) in PAGES.items():
            opened = await stack.enter_async_context(open_browser(browser, _LOOK))
            page = await RoomPage.open(opened, f"{url.replace('ws', 'http', 1)}/room/{ROOM}")
            await page.join(name)
            found.pages[name] = page
        for here in PITCHES:
            for there in (each for each in PITCHES if each != here):
                if here in PAGES:
                    await found.pages[here].more_frames(there, 1)
                else:
                    await until(partial(found.bots[here].sees, there))
        yield found


async def soak(minutes: float) -> Account:
    """Run it."""
    account = Account()
    async with meeting() as everybody:
        begin = time.monotonic()
        while (passed := time.monotonic() - begin) < 60 * minutes:
            account.looks.append(await everybody.frames())
            account.memory.append(Memory.now(passed))
            await asyncio.sleep(LOOK)
        account.looks.append(await everybody.frames())
        account.seconds = time.monotonic() - begin
        account.pitches = await everybody.pitches()
    return account


def verdict(account: Account, console: Console) -> bool:
    """Print what was found; returns whether all is well."""
    first, last = account.looks[0], account.looks[-1]
    rates = {pair: (last[pair] - first[pair]) / account.seconds for pair in last}
    found = []
    for pair in last:
        stood = sum(a[pair] == b[pair] for a, b in pairwise(account.looks))
        if stood:
            found.append(f"{pair[1]} stood still at {pair[0]} in {stood} of {LOOK:g} s each")
    for pair, pitch in account.pitches.items():
        expected = PITCHES[pair[1]]
        assert expected is not None
        if pitch is None or abs(pitch - expected) > OFF:
            found.append(f"{pair[0]} hears {pitch} Hz of {pair[1]} and not {expected:g}")
    memory = warm(account.memory)
    growing = growth(memory, lambda each: each.resident)
    if growing > GROWTH:
        found.append(f"resident memory grew by {growing:.1%}")
    console.print(
        f"{len(PITCHES)} in one room for {account.seconds:.0f} s: "
        f"{min(rates.values()):.1f} to {max(rates.values()):.1f} pictures a second of each "
        f"decoded at each, {len(account.pitches)} tones heard; resident memory {growing:+.1%}"
    )
    for sentence in found:
        console.print(f"[red]{sentence}", highlight=False)
    return not found


def main(arguments: Sequence[str]) -> int:
    """Run from the command line."""
    account = asyncio.run(soak(float(arguments[0]) if arguments else MINUTES))
    return int(not verdict(account, Console()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
