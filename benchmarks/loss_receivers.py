"""Receivers of the sound benchmark: ours, aiortc's and Chromium's, which answer one offer each."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from peer import PeerConfiguration, PeerConnection, SdpType, SessionDescription
from peer.rtp.inbound.stats import InboundRtpStats
from tests.support.browser.browsers import open_browser
from tests.support.media.media_edits import only_ipv4

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from aiortc.mediastreams import MediaStreamTrack

_LOOPBACK = PeerConfiguration(interfaces=("127.0.0.1",))
#: Page of Chromium that plays what it is sent.
_PAGE = """globalThis.end = new RTCPeerConnection();
end.ontrack = ({track}) => {
  const element = Object.assign(new Audio(), {srcObject: new MediaStream([track]), muted: true});
  document.body.append(element); element.play();
};
globalThis.answer = async (offer) => {
  await end.setRemoteDescription(offer);
  await end.setLocalDescription();
  while (end.iceGatheringState !== "complete") await new Promise((r) => setTimeout(r, 10));
  return end.localDescription.sdp;
};
globalThis.heard = async () => {
  const all = [...(await end.getStats()).values()];
  const found = all.find(({type}) => type === "inbound-rtp");
  return {
    samples: found.totalSamplesReceived,
    concealed: found.concealedSamples,
    stretched: found.insertedSamplesForDeceleration + found.removedSamplesForAcceleration,
    waited: found.jitterBufferDelay,
    emitted: found.jitterBufferEmittedCount,
  };
}; 0"""


@dataclass(frozen=True, slots=True)
class Heard:
    """Sound that a receiver has given so far.

    Args:
        samples: Samples, concealed ones and holes included.
        concealed: Samples of which nothing came, extrapolated or not.
        stretched: Samples that were put in or taken out to slow the sound down or speed it up.
        waited: Seconds that each of `emitted` waited in the jitter buffer, summed.
        emitted: Samples, or frames, that left it.
    """

    samples: int
    concealed: int
    stretched: int = 0
    waited: float = 0.0
    emitted: int = 0


class SoundReceiver(Protocol):
    """The end of a call that receives sound."""

    name: str

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    async def answer(self, offer: str) -> str:
        """Answer an offer, both as SDP."""
        ...

    async def heard(self) -> Heard:
        """Count the sound received so far."""
        ...


class _PythonReceiver:
    """Context of a connection whose track is read in a task."""

    def __init__(self, close: Callable[[], Awaitable[None]]) -> None:
        self._close = close
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)


class OurReceiver(_PythonReceiver):
    """Receives with a connection of ours."""

    name = "handfast"

    def __init__(self) -> None:
        self._end = PeerConnection(_LOOPBACK)
        super().__init__(self._end.close)

    async def answer(self, offer: str) -> str:
        """Answer an offer, and read the track."""
        await self._end.setRemoteDescription(SessionDescription(offer, SdpType.OFFER))
        await self._end.setLocalDescription()
        self._reading = asyncio.create_task(_read(self._end.getReceivers()[0].track))
        description = self._end.localDescription
        assert description is not None
        return description.sdp

    async def heard(self) -> Heard:
        """Count by the statistics."""
        entries = (await self._end.getReceivers()[0].getStats()).values()
        (found,) = [each for each in entries if isinstance(each, InboundRtpStats)]
        return Heard(
            found.totalSamplesReceived,
            found.concealedSamples,
            waited=found.jitterBufferDelay,
            emitted=found.jitterBufferEmittedCount,
        )


class AiortcReceiver(_PythonReceiver):
    """Receives with a connection of aiortc's, which conceals nothing: holes count."""

    name = "aiortc"

    def __init__(self) -> None:
        self._end = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        super().__init__(self._end.close)
        self._first: int | None = None
        self._last = self._samples = 0

    async def answer(self, offer: str) -> str:
        """Answer an offer, and read the track."""
        await self._end.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self._end.setLocalDescription(await self._end.createAnswer())
        self._reading = asyncio.create_task(_read(self._end.getReceivers()[0].track, self._count))
        return str(self._end.localDescription.sdp)

    async def heard(self) -> Heard:
        """Count by the times of the frames."""
        samples = 0 if self._first is None else self._last - self._first
        return Heard(samples, samples - self._samples)

    def _count(self, frame: AudioFrame) -> None:
        assert frame.pts is not None
        if self._first is None:
            self._first = frame.pts
        self._last = frame.pts + frame.samples
        self._samples += frame.samples


class ChromiumReceiver:
    """Receives with a page of Chromium, by its own statistics."""

    name = "Chromium"

    def __init__(self) -> None:
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        browser = await self._stack.enter_async_context(open_browser("chromium"))
        self._page = await browser.open("data:text/html,<title>sound</title>")
        await self._page.evaluate(f"(0, eval)({json.dumps(_PAGE)})")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def answer(self, offer: str) -> str:
        """Answer an offer; the page plays what comes."""
        described = json.dumps({"type": "offer", "sdp": offer})
        return only_ipv4(str(await self._page.evaluate(f"answer({described})")))

    async def heard(self) -> Heard:
        """Count by `getStats`."""
        found = await self._page.evaluate("heard()")
        return Heard(**found)


RECEIVERS: tuple[type[SoundReceiver], ...] = (OurReceiver, AiortcReceiver, ChromiumReceiver)


async def _read(track: MediaStreamTrack, count: object = None) -> None:
    with contextlib.suppress(MediaStreamError):
        while True:
            frame = await track.recv()
            if callable(count) and isinstance(frame, AudioFrame):
                count(frame)
