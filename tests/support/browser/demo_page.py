"""The demo's page as a test sees it: its buttons, texts, pixels and sound."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tests.support.browser.recorded_sound import RECORDED_SOUND
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tests.support.browser.browsers import Browser, Page

#: Chromium encodes a canvas in full range and says so in an RTP header extension that the Python
#: side does not take, so the picture comes back with more contrast; and the first seconds of a call
#: have few bits for colour. Bars beside each other differ by more than this.
COLOUR_TOLERANCE = 45

_PIXELS = """async (x, y, width, height) => {
    const video = document.getElementById("returned");
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0);
    return [...context.getImageData(x, y, width, height).data];
}"""

_STREAM_STATS = """async (type) => {
    const report = await handfast.session.call.connection.getStats();
    return [...report.values()].find((s) => s.type === type && s.kind === "video");
}"""

_RETURNED_SOUND = 'document.getElementById("returned").srcObject.getAudioTracks()[0]'


class Colour(NamedTuple):
    """A colour as red, green and blue, 0 to 255 each."""

    red: int
    green: int
    blue: int

    def is_near(self, other: Sequence[int]) -> bool:
        """Return True if the colours differ by no more than encoding may change."""
        return all(abs(a - b) <= COLOUR_TOLERANCE for a, b in zip(self, other, strict=True))


@dataclass(frozen=True)
class DemoPage:
    """The demo's page in one tab."""

    tab: Page

    @classmethod
    async def open(cls, browser: Browser, url: str, *, source: str = "synthetic") -> DemoPage:
        """Load the page without calling."""
        page = cls(await browser.open(f"{url}?source={source}"))
        await page.tab.wait_for("globalThis.handfast !== undefined")
        return page

    async def press(self, button: str) -> None:
        """Click the element of this id."""
        await self.tab.evaluate(f"document.getElementById({json.dumps(button)}).click()")

    async def call(self) -> None:
        """Call the Python peer and wait until picture and data channel are there."""
        await self.press("call")
        await self.wait_for_state("channel", "open")
        await self.tab.wait_for("document.querySelector('.returned.live') !== null")

    async def wait_for_state(self, machine: str, state: str) -> None:
        """Wait until the page shows a state of a state machine."""
        selector = f"[data-state={machine}]"
        shown = f"document.querySelector({json.dumps(selector)}).textContent"
        await self.tab.wait_for(f"{shown} === {json.dumps(state)}")

    async def wait_for_problem(self, code: str, *, timeout: float = DEADLINE) -> str:
        """Wait until a problem is shown, and return its text."""
        box = "document.getElementById('problem')"
        shown = f"{box}.dataset.code === {json.dumps(code)} && {box}.innerText"
        return str(await self.tab.wait_for(shown, timeout=timeout))

    async def text(self, identifier: str) -> str:
        """Return the text of the element of this id."""
        return str(await self.tab.evaluate(f"document.getElementById('{identifier}').innerText"))

    async def ladder(self, words: str) -> list[str]:
        """Return the texts of arrows and notes of the ladder, once one of them has these words."""
        rungs = "[...document.querySelectorAll('#ladder .said')].map((said) => said.textContent)"
        shown = f"{rungs}.some((said) => said.includes({json.dumps(words)}))"
        return [str(said) for said in await self.tab.wait_for(f"{shown} && {rungs}")]

    async def change(self, button: str) -> str:
        """Press `rekey` or `restart-ice`, and return the result that the page shows."""
        await self.tab.wait_for(f"!document.getElementById({json.dumps(button)}).disabled")
        await self.press(button)
        said = "document.getElementById('outcome')"
        settled = f"['good', 'bad', 'fact'].includes({said}.dataset.mood)"
        return str(await self.tab.wait_for(f"{settled} && {said}.innerText"))

    async def tags(self, words: str) -> list[str]:
        """Return the association tags of the rows of the ladder that have these words."""
        rungs = "[...document.querySelectorAll('#ladder .said')]"
        mine = f"{rungs}.filter((said) => said.textContent.includes({json.dumps(words)}))"
        tag = "said.querySelector('.tag')?.textContent ?? ''"
        return [str(found) for found in await self.tab.evaluate(f"{mine}.map((said) => {tag})")]

    async def fact(self, name: str) -> str:
        """Wait until a fact of the transport is known, and return it."""
        cell = f"document.querySelector('[data-fact={name}]')"
        known = f"{cell}.querySelector('.unknown') === null"
        return str(await self.tab.wait_for(f"{known} && {cell}.textContent"))

    async def frames(self, kind: str) -> int:
        """Return `framesDecoded` of `inbound-rtp`, or `framesSent` of `outbound-rtp`."""
        counter = "framesDecoded" if kind == "inbound-rtp" else "framesSent"
        return int(
            await self.tab.evaluate(f"({_STREAM_STATS})('{kind}').then((s) => s?.{counter} ?? 0)")
        )

    async def wait_for_frames(self, kind: str, least: int) -> int:
        """Wait for a number of further frames, and return the new count."""
        counter = "framesDecoded" if kind == "inbound-rtp" else "framesSent"
        look = f"({_STREAM_STATS})('{kind}').then((s) => s?.{counter} >= {least} && s.{counter})"
        return int(await self.tab.wait_for(look))

    async def pixels(self, x: int, y: int, width: int, height: int) -> list[Colour]:
        """Return the pixels of a part of the returned video, row by row."""
        data = await self.tab.evaluate(f"({_PIXELS})({x}, {y}, {width}, {height})")
        return [Colour(*data[i : i + 3]) for i in range(0, len(data), 4)]

    async def sent_colours(self) -> list[Colour]:
        """Return the colours of the bars that the page sends, from the left."""
        bars = await self.tab.evaluate("import('/call/synthetic.js').then((m) => m.BARS)")
        return [Colour(*bar) for bar in bars]

    async def sound(self, seconds: float) -> NDArray[np.int16]:
        """Record the returned sound for some seconds, as samples at 48 kHz."""
        samples = await self.tab.evaluate(
            f"({RECORDED_SOUND})({_RETURNED_SOUND}, {1000 * seconds})"
        )
        return np.array(samples).clip(-32768, 32767).astype(np.int16)
