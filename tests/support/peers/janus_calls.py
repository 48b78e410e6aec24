"""Connections of ours with the plugins of Janus, and what arrives on them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from media import SyntheticAudioTrack, SyntheticVideoTrack
from peer import PeerConfiguration, PeerConnection
from peer.rtp.inbound.stats import InboundRtpStats
from peer.tracing.events import Fanout, HandshakeCompleted
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import expected, local, opened, within
from tests.support.rtp.arrivals import ArrivalSink
from tests.support.tracing.traces import Sink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import RekeyResult, SessionDescription
    from tests.support.peers.janus import JanusHandle, JanusSession

ECHO_TEST = "janus.plugin.echotest"
VIDEO_ROOM = "janus.plugin.videoroom"
#: Seconds between two looks at a counter (ours).
_LOOK = 0.03
#: Seconds in which 20 packets of sound would come (RFC 7587 section 4.2: 20 ms each).
_SILENCE = 0.4


class MediaCall:
    """A connection of ours, with counts of the media that it receives.

    Attributes:
        pc: Our connection.
        handle: The other end of it, at Janus.
    """

    def __init__(self, pc: PeerConnection, handle: JanusHandle, sinks: tuple[ArrivalSink, Sink]):
        self.pc = pc
        self.handle = handle
        self._arrivals, self._trace = sinks

    @property
    def handshakes(self) -> int:
        """How many DTLS handshakes the call has had."""
        return len(self._trace.all(HandshakeCompleted))

    async def described(self) -> SessionDescription:
        """Return our description with its candidates: Janus gets none later."""
        await self.pc.setLocalDescription()
        await within(self.pc.gathering_complete())
        return local(self.pc)

    async def flow(self, *mids: str, count: int = 10) -> None:
        """Wait until that many more packets have come in each of these m-sections.

        Raises:
            TimeoutError: They do not come.
        """
        first = await self._received()
        async with asyncio.timeout(DEADLINE):
            while True:
                now = await self._received()
                if all(now.get(mid, 0) >= first.get(mid, 0) + count for mid in mids):
                    return
                await asyncio.sleep(_LOOK)

    async def silence(self) -> int:
        """Return how many packets come where none should."""
        return await self._arrivals.silence(_SILENCE)

    async def _received(self) -> dict[str, int]:
        stats = (await self.pc.getStats()).values()
        streams = [each for each in stats if isinstance(each, InboundRtpStats)]
        return {each.mid or "": each.packetsReceived for each in streams}


class EchoCall(MediaCall):
    """A call whose other end sends back what it gets: sound, a picture, messages."""

    async def open(self) -> None:
        """Call Janus, and wait until sound, the picture and messages come back."""
        self.pc.addTrack(SyntheticAudioTrack())
        self.pc.addTrack(small_video())
        self._channel = self.pc.createDataChannel("echo")
        await self.offer()
        await within(self.pc.connected())
        await within(opened(self._channel))
        await self.flow("0", "1")

    async def offer(self) -> SessionDescription:
        """Offer, and apply the answer of Janus, which is returned."""
        said = await self.handle.ask({"audio": True, "video": True}, await self.described())
        await self.pc.setRemoteDescription(said.jsep)
        return said.jsep

    async def rekey(self) -> RekeyResult:
        """Ask for new keys, and make the offer that this needs."""
        needed = expected(self.pc, "negotiationneeded")
        rekeying = asyncio.create_task(self.pc.rekey())
        try:
            await within(needed)
            await self.offer()
            result: RekeyResult = await within(rekeying)
            return result
        finally:
            rekeying.cancel()

    async def echo(self, text: str) -> object:
        """Return what Janus says to a message."""
        back = expected(self._channel, "message")
        self._channel.send(text)
        return await within(back)


def small_video() -> SyntheticVideoTrack:
    """Return a picture that costs little to encode."""
    return SyntheticVideoTrack(width=160, height=120)


@asynccontextmanager
async def media_call(session: JanusSession, plugin: str) -> AsyncIterator[EchoCall]:
    """Create a connection, not described yet, and a handle for it."""
    sinks = ArrivalSink(), Sink()
    handle = await session.attach(plugin)
    async with PeerConnection(PeerConfiguration(trace=Fanout(*sinks))) as pc:
        yield EchoCall(pc, handle, sinks)


@asynccontextmanager
async def echo_call(session: JanusSession) -> AsyncIterator[EchoCall]:
    """Make a call with Janus's echo test, with media both ways."""
    async with media_call(session, ECHO_TEST) as call:
        await call.open()
        yield call
