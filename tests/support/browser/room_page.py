"""The page of a room as a test sees it, and a Python bot that it meets there."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from media import ToneMeter
from peer import PeerConfiguration, PeerConnection
from signaling import Negotiator, join
from tests.support.browser.media_page import Subject
from tests.support.browser.recorded_sound import RECORDED_SOUND
from tests.support.browser.remote import RemoteError
from tests.support.clock.deadline import DEADLINE
from tests.support.media.frames import sound
from tests.support.project.tools import NODE_MODULES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import DataChannel, MediaStreamTrack
    from peer.events import PhraseEvent
    from peer.trust import Phrase
    from signaling import PeerChannel
    from tests.support.browser.browsers import Browser, Page

#: Pitch in Hz and colour of what a bot sends.
BOT_SOUND = Subject.SO
BOT_PICTURE = Subject.BLUE

_SOUND_OF = """(name) => {
    const one = handfast.room.participants.find((each) => each.name === name);
    const tracks = one.connection.getReceivers().map(({ track }) => track);
    return tracks.find(({ kind }) => kind === "audio");
}"""

#: The card of somebody, with picture and verdict.
_CARD = """((name) => [...document.querySelectorAll(".someone")].find(
    (card) => card.querySelector(".person-name").innerText === name,
))"""

_FRAMES = """async (name) => {
    const one = handfast.room?.participants.find((each) => each.name === name);
    const report = [...((await one?.connection?.getStats())?.values() ?? [])];
    const pictures = report.filter(({ type, kind }) => type === "inbound-rtp" && kind === "video");
    return Math.max(0, ...pictures.map(({ framesDecoded }) => framesDecoded ?? 0));
}"""


@dataclass(frozen=True)
class RoomPage:
    """The page `/room/NAME` in one tab."""

    tab: Page

    @classmethod
    async def open(cls, browser: Browser, url: str) -> RoomPage:
        """Load the page, and wait until it has asked for camera and microphone."""
        page = cls(await browser.open(url))
        await page.ready()
        return page

    @classmethod
    async def through(cls, browser: Browser, door: str, room: str) -> RoomPage:
        """Come by the page that asks for the name of a room."""
        tab = await browser.open(door)
        proposed = str(await tab.evaluate("document.getElementById('room').value"))
        assert len(proposed.split("-")) == 3
        await tab.evaluate(f"void (document.getElementById('room').value = {json.dumps(room)})")
        await tab.evaluate("void setTimeout(() => document.querySelector('#door button').click())")
        page = cls(tab)
        await page.arrived(f"/room/{room}")
        await page.ready()
        return page

    async def arrived(self, path: str) -> None:
        """Wait until the tab has left one page for the other of this path."""
        async with asyncio.timeout(DEADLINE):
            while True:
                # In the middle of it there is no page that could answer.
                with contextlib.suppress(RemoteError):
                    if await self.tab.evaluate("location.pathname") == path:
                        return
                await asyncio.sleep(0.05)

    async def ready(self) -> None:
        """Wait until the page has settled, which after a reload is in the room."""
        await self.tab.wait_for("globalThis.handfast?.ready")

    async def join(self, name: str) -> None:
        """Give a name and press the button."""
        await self.tab.evaluate(f"void (document.getElementById('name').value = '{name}')")
        await self.press("join")
        await self.tab.wait_for("handfast.room?.status === 'joined'")

    async def press(self, button: str) -> None:
        """Click the element of this id."""
        await self.tab.evaluate(f"document.getElementById({json.dumps(button)}).click()")

    async def pressed(self, button: str, *, on: bool) -> None:
        """Wait until a button that can be switched is on or off."""
        state = f"document.getElementById({json.dumps(button)}).getAttribute('aria-pressed')"
        await self.tab.wait_for(f"{state} === '{str(on).lower()}'")

    async def say(self, text: str) -> None:
        """Write a line of chat."""
        await self.tab.evaluate(f"void (document.getElementById('line').value = '{text}')")
        await self.tab.evaluate("document.querySelector('#say button').click()")

    async def read(self, element: str, words: str) -> str:
        """Wait until the element of this id shows some words, and return all that it shows."""
        text = f"document.getElementById({json.dumps(element)}).innerText"
        return str(await self.tab.wait_for(f"{text}.includes({json.dumps(words)}) && {text}"))

    async def captions(self, *expected: str) -> None:
        """Wait until the tiles have exactly these captions, in any order."""
        shown = "[...document.querySelectorAll('.person figcaption')].map((e) => e.innerText)"
        await self.tab.wait_for(
            f"{shown}.sort().join() === {json.dumps(','.join(sorted(expected)))}"
        )

    async def more_frames(self, name: str, number: int = 10) -> None:
        """Wait until further pictures of somebody are decoded."""
        enough = await self.frames(name) + number
        decoded = f"({_FRAMES})({json.dumps(name)})"
        await self.tab.wait_for(f"{decoded}.then((frames) => frames >= {enough})")

    async def frames(self, name: str) -> int:
        """Return how many pictures of somebody are decoded."""
        return int(await self.tab.evaluate(f"({_FRAMES})({json.dumps(name)})"))

    async def hears(self, name: str) -> float | None:
        """Return the strongest pitch of the sound of somebody in Hz."""
        track = f"({_SOUND_OF})({json.dumps(name)})"
        samples = np.array(await self.tab.evaluate(f"({RECORDED_SOUND})({track}, 1200)"))
        meter = ToneMeter()
        meter.hear(sound(samples.clip(-32768, 32767).astype(np.int16)))
        return meter.measure().pitch

    async def until_heard(self, name: str, pitch: float, *, within: float) -> None:
        """Wait until the strongest tone of somebody is this one.

        Args:
            name: Whose.
            pitch: In Hz.
            within: Hz by which it may be off.
        """
        async with asyncio.timeout(DEADLINE):
            while (heard := await self.hears(name)) is None or abs(heard - pitch) > within:
                pass

    async def verdict(self, name: str, words: str) -> str:
        """Wait until the page says these words of who somebody is, and return all that it shows."""
        panel = f"{_CARD}({json.dumps(name)})?.querySelector('.trust:not([hidden])')"
        said = f"{panel}?.querySelector('summary').innerText.includes({json.dumps(words)})"
        return str(await self.tab.wait_for(f"{said} && {panel}.innerText"))

    async def phrase(self, name: str) -> list[str]:
        """Wait for the phrase with somebody: its words, digits and emoji, as they are shown."""
        card = f"{_CARD}({json.dumps(name)})"
        await self.tab.wait_for(f"{card}?.querySelector('.phrase-words')?.checkVisibility()")
        shown: list[str] = await self.tab.evaluate(
            f"['words', 'digits', 'emoji'].map((part) => "
            f"{card}.querySelector('.phrase-' + part).textContent)"
        )
        return shown

    async def decide(self, name: str, button: str) -> None:
        """Press the button of these words on the card of somebody, as soon as it is there."""
        buttons = f"[...({_CARD}({json.dumps(name)})?.querySelectorAll('button') ?? [])]"
        found = f"{buttons}.find((each) => each.innerText === {json.dumps(button)})"
        await self.tab.wait_for(f"{found} !== undefined")
        await self.tab.evaluate(f"{found}.click()")

    async def picture(self, name: str, *, shown: bool) -> None:
        """Wait until a picture of somebody is shown, or is not any more."""
        live = f"{_CARD}({json.dumps(name)})?.querySelector('.person.live') !== null"
        await self.tab.wait_for(f"({live}) === {str(shown).lower()}")

    async def faults(self) -> list[str]:
        """Return what axe-core finds wrong for those who use the page in another way."""
        source = (NODE_MODULES / "axe-core" / "axe.min.js").read_text()
        await self.tab.evaluate(f"void (0, eval)({json.dumps(source)})")
        found: list[dict[str, Any]] = await self.tab.evaluate("axe.run().then((r) => r.violations)")
        return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]

    async def overflow(self) -> int:
        """Return by how many pixels the page is wider than the screen."""
        root = "document.documentElement"
        return int(await self.tab.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))


@dataclass
class Bot:
    """A Python program in a room, which sends a tone and a colour to everybody."""

    configuration: PeerConfiguration = field(default_factory=PeerConfiguration)
    tracks: int = 0
    frames: int = 0
    heard: list[str] = field(default_factory=list)
    phrases: dict[str, Phrase] = field(default_factory=dict)
    channels: list[DataChannel] = field(default_factory=list)
    meter: ToneMeter = field(default_factory=lambda: ToneMeter(0.3))
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, condition: str, least: int) -> None:
        """Wait until one of its counts is so high."""
        while getattr(self, condition) < least:
            self.changed.clear()
            await self.changed.wait()

    async def phrase(self, name: str) -> list[str]:
        """Wait for the phrase with somebody: its words, digits and emoji."""
        while name not in self.phrases:
            self.changed.clear()
            await self.changed.wait()
        phrase = self.phrases[name]
        return [str(phrase), phrase.digits, "".join(phrase.emoji)]

    async def opened(self) -> None:
        """Wait until it can write to somebody."""
        while not any(channel.readyState == "open" for channel in self.channels):
            self.changed.clear()
            await self.changed.wait()

    async def hears(self, line: str) -> None:
        """Wait until somebody has written this."""
        while json.dumps({"text": line}, separators=(",", ":")) not in self.heard:
            self.changed.clear()
            await self.changed.wait()

    def say(self, line: str) -> None:
        """Write a line of chat to everybody."""
        for channel in self.channels:
            channel.send(json.dumps({"text": line}))

    async def serve(self, channel: PeerChannel) -> None:
        """Be in a call with one participant until it leaves."""
        readers: list[asyncio.Task[None]] = []
        async with PeerConnection(self.configuration) as pc:
            pc.on("phrase", lambda event: self.compare(channel.peer.name or "", event))
            pc.on(
                "track", lambda event: readers.append(asyncio.create_task(self.read(event.track)))
            )
            pc.on("datachannel", lambda event: self.listen(event.channel))
            for subject in (BOT_SOUND, BOT_PICTURE):
                pc.addTrack(subject.track())
            await Negotiator(pc, channel, polite=channel.polite).run()
        await asyncio.wait(readers or [asyncio.create_task(asyncio.sleep(0))])

    async def read(self, track: MediaStreamTrack) -> None:
        """Decode a track to its end."""
        self.tracks += track.kind == "video"
        self.changed.set()
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, AudioFrame):
                    self.meter.hear(frame)
                elif isinstance(frame, VideoFrame):
                    self.frames += 1
                self.changed.set()

    def compare(self, name: str, event: PhraseEvent) -> None:
        """Note the phrase with somebody, the latest one."""
        self.phrases[name] = event.phrase
        self.changed.set()

    def listen(self, channel: DataChannel) -> None:
        """Take part in the chat."""
        self.channels.append(channel)
        self.changed.set()
        channel.on("open", self.changed.set)
        channel.on("close", lambda: self.channels.remove(channel))

        def on_message(message: str | bytes) -> None:
            self.heard.append(str(message))
            self.changed.set()

        channel.on("message", on_message)


@contextlib.asynccontextmanager
async def bot_in(
    url: str, *, room: str, configuration: PeerConfiguration | None = None
) -> AsyncIterator[Bot]:
    """Let a bot be in a room of the server whose `ws:` address this is."""
    bot = Bot(configuration or PeerConfiguration())

    async def answer() -> None:
        async with asyncio.TaskGroup() as calls:
            async for channel in here.channels():
                calls.create_task(bot.serve(channel))

    async with await join(f"{url}/ws", room=room, name="bot") as here:
        answering = asyncio.create_task(answer())
        try:
            yield bot
        finally:
            answering.cancel()
            await asyncio.wait([answering])
