"""A call with a browser whose tracks flash and beep together, for recordings.

::

    sources = [Source(), Source(codec="VP8")]
    async with open_browser("chromium") as browser, flash_call(browser, sources) as call:
        sound, pictures = call.receivers
        await call.begin()
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from peer import SdpType, SessionDescription
from tests.support.browser.browsers import BrowserName
from tests.support.browser.media_page import MediaCall, call_in, unchanged
from tests.support.clock.deadline import DEADLINE
from tests.support.links.udp_relay import udp_relay
from tests.support.media.media_edits import only_ipv4
from tests.support.negotiation.connections import expected, local, within
from tests.support.network.own_address import own_address
from tests.support.peers.third_party import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from peer import PeerConnection, RekeyResult, RtpReceiver
    from tests.support.browser.browsers import Browser, Page
    from tests.support.browser.media_page import Edit
    from tests.support.links.udp_relay import UdpRelay

#: Parameters for fixtures: each browser.
BROWSERS = [pytest.param(b, marks=pytest.mark.browser(b.value)) for b in BrowserName]

#: Pitch of the beeps in Hz (ours).
_PITCH = 440


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A track of the page that flashes or beeps.

    Args:
        codec: The one to send pictures in; None of sound, which is Opus.
        is_late: Whether nothing is sent before `FlashCall.join`.
    """

    codec: str | None = None
    is_late: bool = False

    @property
    def order(self) -> dict[str, Any]:
        """Description of the track for the program of the page."""
        pitch = _PITCH if self.codec is None else None
        return {"codec": self.codec, "pitch": pitch, "isLate": self.is_late}


class FlashCall:
    """A call in which the page sends, and we only receive.

    Attributes:
        pc: Our end.
        page: The page of the other end.
    """

    def __init__(self, call: MediaCall, edit: Edit) -> None:
        self.pc: PeerConnection = call.pc
        self.page: Page = call.page
        self._call = call
        self._edit = edit

    @property
    def receivers(self) -> list[RtpReceiver]:
        """In the order of the sources."""
        return [each.receiver for each in self.pc.getTransceivers()]

    async def open(self, sources: Sequence[Source]) -> None:
        """Let the page offer its tracks, and wait until those that are not late arrive."""
        program = json.dumps((PROGRAMS / "flashes.js").read_text())
        await self.page.evaluate(f"void (0, eval)({program})")
        for source in sources:
            await self.page.evaluate(f"flashes.add({json.dumps(source.order)}).then(() => 0)")
        await self._call.be_offered([], [], edit=self._edit)
        coming = (
            r for r, source in zip(self.receivers, sources, strict=True) if not source.is_late
        )
        await asyncio.gather(*map(_first_frame, coming))

    async def begin(self) -> None:
        """Flash and beep from now on."""
        await self.page.evaluate("flashes.begin()")

    async def join(self) -> None:
        """Let the page send what was to come late."""
        await self.page.evaluate("flashes.join().then(() => 0)")

    async def rekey(self) -> RekeyResult:
        """New keys, if the browser follows."""
        needed = expected(self.pc, "negotiationneeded")
        rekeying = asyncio.create_task(self.pc.rekey())
        try:
            await within(needed)
            await self._offer()
            result: RekeyResult = await within(rekeying)
            return result
        finally:
            rekeying.cancel()

    async def restart(self) -> None:
        """New credentials of ICE, and a new path."""
        self.pc.restartIce()
        await self._offer()

    async def _offer(self) -> None:
        await self.pc.setLocalDescription()
        await within(self.pc.gathering_complete())
        ours = local(self.pc)
        offer = json.dumps({"type": ours.type, "sdp": self._edit(ours.sdp)})
        answer = await self.page.evaluate(f"flashes.answer({offer})")
        description = SessionDescription(self._edit(answer["sdp"]), SdpType(answer["type"]))
        await self.pc.setRemoteDescription(description)


@asynccontextmanager
async def flash_call(
    browser: Browser, sources: Sequence[Source], *, edit: Edit = unchanged
) -> AsyncIterator[FlashCall]:
    """A call in a page of its own, through which all flows; nothing flashes yet.

    Args:
        browser: Whose page.
        sources: What the page sends.
        edit: What becomes of all descriptions on their way.
    """
    async with call_in(browser) as media:
        call = FlashCall(media, edit)
        await call.open(sources)
        yield call


@asynccontextmanager
async def lossy_flash_call(
    browser: Browser, sources: Sequence[Source]
) -> AsyncIterator[tuple[FlashCall, UdpRelay]]:
    """Open a call over a link that can lose packets, but does not yet."""
    with udp_relay(host=own_address()) as relay:

        def edit(sdp: str) -> str:
            return relay.rerouted(only_ipv4(sdp))

        async with flash_call(browser, sources, edit=edit) as call:
            yield call, relay


async def _first_frame(receiver: RtpReceiver) -> None:
    reader = receiver.encoded_frames()
    async with asyncio.timeout(DEADLINE):
        await anext(reader)
    await reader.aclose()
