"""A call with a browser of many tracks, each of which is recognised by its content.

A picture has one colour, a sound one pitch; what arrives is named by the nearest of those.

::

    async with media_call("chromium") as call:
        await call.offer([Subject.RED, Subject.LOW], [Subject.BLUE, Subject.HIGH])
        print(await call.seen_there(), await call.seen_here())
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import VideoFrame

from media import SyntheticAudioTrack, ToneMeter
from peer import PeerConfiguration, PeerConnection, SdpType, SessionDescription
from tests.support.browser.browsers import open_browser
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import local, within
from tests.support.peers.third_party import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from peer import RtpReceiver
    from tests.support.browser.browsers import Browser, Page

Edit: TypeAlias = "Callable[[str], str]"

#: Frames a second of our video tracks (ours).
_RATE = 15
#: Red, green and blue. What video encoding and ranges do to a colour is far less than half of what
#: is between two of these.
_FAR = 90
_HERTZ = 40


class Subject(Enum):
    """Content of a track: a colour or a pitch."""

    RED = (220, 20, 20)
    GREEN = (20, 220, 20)
    BLUE = (20, 20, 220)
    YELLOW = (220, 220, 20)
    GREY = (130, 130, 130)
    #: Of no colour, and never the same: it takes as many bits as there are.
    NOISE = None
    DO = 300.0
    RE = 400.0
    MI = 500.0
    FA = 650.0
    SO = 800.0

    @property
    def is_picture(self) -> bool:
        """True for a subject of video."""
        return not isinstance(self.value, float)

    @property
    def order(self) -> dict[str, Any]:
        """As the page understands it."""
        if self is Subject.NOISE:
            return {}
        return {"colour" if self.is_picture else "pitch": self.value}

    def track(self) -> MediaStreamTrack:
        """Create a track of ours with this subject."""
        if isinstance(self.value, float):
            return SyntheticAudioTrack(pitch=self.value)
        return _Pictures(self.value)

    @classmethod
    def of(cls, seen: Sequence[float] | float | None) -> Subject | None:
        """Recognise a subject by its colour or pitch; None where it is no subject."""
        match seen:
            case None:
                return None
            case float() | int():
                return cls._nearest((s for s in cls if not s.is_picture), seen, _HERTZ)
            case _:
                flat = (s for s in cls if s.is_picture and s is not cls.NOISE)
                return cls._nearest(flat, seen, _FAR)

    @classmethod
    def _nearest(cls, among: Iterable[Subject], seen: object, limit: float) -> Subject | None:
        here = np.array(seen, float)
        found = min(among, key=lambda each: np.abs(np.array(each.value) - here).max())
        return found if np.abs(np.array(found.value) - here).max() < limit else None


class _Pictures(MediaStreamTrack):
    """Small ones in one colour, or larger ones of noise."""

    kind = "video"

    def __init__(self, colour: tuple[int, ...] | None) -> None:
        super().__init__()
        self._colour = colour
        self._number = 0

    async def recv(self) -> VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        await asyncio.sleep(1 / _RATE)
        frame = VideoFrame.from_ndarray(self._pixels(), format="rgb24")
        frame.pts, frame.time_base = self._number * 90_000 // _RATE, Fraction(1, 90_000)
        self._number += 1
        return frame

    def _pixels(self) -> NDArray[np.uint8]:
        if self._colour is not None:
            return np.full((120, 160, 3), self._colour, np.uint8)
        squares = np.random.default_rng(self._number).integers(0, 255, (30, 40, 3), np.uint8)
        return squares.repeat(8, axis=0).repeat(8, axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A track of the browser's that is more than its subject.

    Args:
        subject: What it shows or sounds like.
        codec: The only one to use, as in `VP8`, or with a part of its fmtp line, as in
            `VP9 profile-id=2`, or two (`red+opus`); None for whatever comes first.
        rids: Restriction ids to offer (RFC 8853).
    """

    subject: Subject
    codec: str | None = None
    rids: tuple[str, ...] = ()

    @property
    def order(self) -> dict[str, Any]:
        """As the page understands it."""
        return {**self.subject.order, "codec": self.codec, "rids": self.rids}


def unchanged(sdp: str) -> str:
    """Return a description as it is."""
    return sdp


class MediaCall:
    """One call with a page, not negotiated yet.

    Attributes:
        pc: Our end.
        page: The page of the other end, where `media` is its program.
        here, there: The descriptions in force, as the other side was told them.
    """

    def __init__(self, pc: PeerConnection, page: Page) -> None:
        self.pc = pc
        self.page = page
        self.here = self.there = SessionDescription("", SdpType.OFFER)

    async def offer(
        self, ours: Sequence[Subject], theirs: Sequence[Subject], *, edit: Edit = unchanged
    ) -> None:
        """Offer a track for each subject of ours; the page answers with its own in the same order.

        Args:
            ours: What we send.
            theirs: What the page sends.
            edit: What becomes of both descriptions on their way.
        """
        for subject in ours:
            self.pc.addTransceiver(subject.track())
        offer = await self._describe(edit)
        orders = json.dumps([subject.order for subject in theirs])
        await self._take(await self.page.evaluate(f"media.answer({offer}, {orders})"), edit)
        await within(self.pc.connected())

    async def be_offered(
        self,
        theirs: Sequence[Subject | Wish],
        ours: Sequence[Subject],
        *,
        edit: Edit = unchanged,
        edit_answer: Edit | None = None,
    ) -> None:
        """Let the page offer, and answer with a track for each m-section in order.

        Args:
            theirs: What the page sends.
            ours: What we send.
            edit: What becomes of the offer on its way, and of the answer where that has none.
            edit_answer: What becomes of the answer.
        """
        for wish in theirs:
            await self.page.evaluate(f"media.add({json.dumps(wish.order)}).then(() => 0)")
        for subject in ours:
            self.pc.addTrack(subject.track())
        await self._take(await self.page.evaluate("media.described()"), edit)
        answer = await self._describe(edit_answer or edit)
        await self.page.evaluate(f"media.connection.setRemoteDescription({answer}).then(() => 0)")
        await within(self.pc.connected())

    async def seen_there(self, expected: Sequence[Subject | None]) -> list[Subject | None]:
        """Wait for the expected subjects of the page's m-sections, and return the latest ones."""

        async def look() -> dict[str, Any]:
            found: dict[str, Any] = await self.page.evaluate("media.seen()")
            return found

        return await self._settled(look, expected)

    async def seen_here(self, expected: Sequence[Subject | None]) -> list[Subject | None]:
        """Wait for the expected subjects of our receivers, and return the latest ones."""
        meters = {str(t.mid): _Meter(t.receiver) for t in self.pc.getTransceivers()}
        readers = [asyncio.create_task(meter.read()) for meter in meters.values()]

        async def look() -> dict[str, Any]:
            await asyncio.sleep(0.1)
            return {mid: meter.seen for mid, meter in meters.items()}

        try:
            return await self._settled(look, expected)
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.wait(readers)

    async def stats(self, kind: str) -> list[dict[str, Any]]:
        """The page's statistics of one type."""
        found: list[dict[str, Any]] = await self.page.evaluate(f"media.stats('{kind}')")
        return found

    async def _settled(
        self, look: Callable[[], Any], expected: Sequence[Subject | None]
    ) -> list[Subject | None]:
        end = asyncio.get_running_loop().time() + DEADLINE
        while True:
            found: Mapping[str, Any] = await look()
            mids = [str(each.mid) for each in self.pc.getTransceivers()]
            subjects = [Subject.of(found.get(mid)) for mid in mids]
            if subjects == list(expected) or asyncio.get_running_loop().time() > end:
                return subjects

    async def _describe(self, edit: Edit) -> str:
        """Our description as the page takes it."""
        await self.pc.setLocalDescription()
        await within(self.pc.gathering_complete())
        ours = local(self.pc)
        self.here = SessionDescription(edit(ours.sdp), ours.type)
        return json.dumps({"type": self.here.type, "sdp": self.here.sdp})

    async def _take(self, description: Mapping[str, str], edit: Edit) -> None:
        self.there = SessionDescription(edit(description["sdp"]), SdpType(description["type"]))
        await self.pc.setRemoteDescription(self.there)


class _Meter:
    """Reads one of our receivers."""

    def __init__(self, receiver: RtpReceiver) -> None:
        self._track = receiver.track
        self._tones = ToneMeter(0.3)
        self._colour: list[float] | None = None

    @property
    def seen(self) -> list[float] | float | None:
        """Pitch in Hz, or mean colour, of the latest media; None before there is any."""
        return self._tones.measure().pitch if self._track.kind == "audio" else self._colour

    async def read(self) -> None:
        """Read the track until cancelled."""
        while True:
            frame = await self._track.recv()
            if isinstance(frame, VideoFrame):
                pixels = frame.to_ndarray(format="rgb24")
                self._colour = [float(part) for part in pixels.mean(axis=(0, 1))]
            else:
                self._tones.hear(frame)


@asynccontextmanager
async def call_in(
    browser: Browser, url: str = "data:text/html,<title>media</title>", **options: Any
) -> AsyncIterator[MediaCall]:
    """A call with a page of its own, at a URL, with options for our `PeerConfiguration`."""
    source = json.dumps((PROGRAMS / "media.js").read_text())
    async with PeerConnection(PeerConfiguration(**options)) as pc:
        page = await browser.open(url)
        await page.evaluate(f"void (0, eval)({source})")
        yield MediaCall(pc, page)
        await page.close()


@asynccontextmanager
async def media_call(name: str, **options: Any) -> AsyncIterator[MediaCall]:
    """Open a call with a browser of its own."""
    async with open_browser(name) as browser, call_in(browser, **options) as call:
        yield call
