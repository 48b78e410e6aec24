"""A session with a third-party peer that goes through any number of offers, of either side.

::

    async with negotiated_session(ThirdParty.PION) as session:
        await session.open()
        await session.offer()
        await session.be_offered(ice_restart=True)
        print(await session.report())
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from media import SyntheticAudioTrack, SyntheticVideoTrack
from peer import PeerConfiguration, PeerConnection, SessionDescription
from peer.rtp.inbound.stats import InboundRtpStats
from peer.tracing.events import Fanout
from tests.support.clock.deadline import DEADLINE
from tests.support.clock.starved import seconds_starved
from tests.support.negotiation.connections import expected, local, opened, within
from tests.support.peers.exchange import hand_over, hear_description, trickling
from tests.support.peers.third_party import ThirdParty, open_stage
from tests.support.rtp.arrivals import Arrivals, ArrivalSink
from tests.support.tracing.traces import Sink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import DataChannel, RekeyResult
    from tests.support.peers.third_party import ThirdPartyPeer

#: Seconds between two looks at the counters of both ends.
_LOOK = 0.03


class Medium(StrEnum):
    """Kind of media that both sides send all the time."""

    AUDIO = "audio"
    VIDEO = "video"


#: Whose programs send pictures, and count those that come. The others count packets of sound.
WATCHERS = frozenset(
    {ThirdParty.CHROMIUM, ThirdParty.FIREFOX, ThirdParty.WRTC, ThirdParty.PYTHON_WEBRTC}
)


def medium_of(name: ThirdParty) -> Medium:
    """Return the kind of media that a peer sends and counts."""
    return Medium.VIDEO if name in WATCHERS else Medium.AUDIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One offer and its answer."""

    local: SessionDescription
    remote: SessionDescription

    @property
    def fingerprint(self) -> str:
        """Fingerprint of our description."""
        return _attribute(self.local, "fingerprint")

    @property
    def ufrags(self) -> tuple[str, str]:
        """ICE ufrags of our description and of the peer's."""
        return _attribute(self.local, "ice-ufrag"), _attribute(self.remote, "ice-ufrag")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Media that both ends received since the last reset.

    Args:
        peer: What the peer counted.
        ours: What our sockets heard.
        waited: For how many seconds of it some process had to wait for a processor.
        peer_lost: `packetsLost` of the peer's getStats, or the gaps in the numbers that it saw;
            since the session began.
        our_lost: `packetsLost` of ours, since the session began.
        our_packets: What we could decrypt, since the session began.
        frames_decoded: By the peer, since the session began; None where it decodes nothing.
        transport: The peer's view, under the names of webrtc-stats; `{}` where it has none.
        pair: The local and the remote candidate that the peer uses; empty where it does not tell.
    """

    peer: Arrivals
    ours: Arrivals
    waited: float
    peer_lost: int
    our_lost: int
    our_packets: int
    frames_decoded: int | None
    transport: dict[str, Any]
    pair: list[dict[str, Any]]


class NegotiatedSession:
    """The session of our connection with one third-party peer.

    Attributes:
        pc: Our connection.
        peer: The third-party peer.
        trace: Sink of our trace.
        medium: What both ends send.
        channel: Our data channel, once the session is open; the peer echoes its messages.
    """

    def __init__(
        self,
        pc: PeerConnection,
        peer: ThirdPartyPeer,
        medium: Medium,
        sinks: tuple[ArrivalSink, Sink],
        described: asyncio.Event,
    ) -> None:
        self.pc = pc
        self.peer = peer
        self.medium = medium
        self._arrivals, self.trace = sinks
        self._described = described
        self._since = seconds_starved()
        self._echoes = 0

    async def open(self) -> Exchange:
        """Make the first offer, and wait until media and data flow both ways."""
        await self.peer.tell("send", kind=self.medium.value)
        self.pc.addTrack(self.new_track())
        self.channel: DataChannel = self.pc.createDataChannel("echo")
        exchange = await self.offer()
        await within(self.pc.connected())
        await within(opened(self.channel))
        await self.flow()
        return exchange

    def new_track(self) -> SyntheticAudioTrack | SyntheticVideoTrack:
        """Make one more track of the kind that both ends send."""
        return SyntheticAudioTrack() if self.medium is Medium.AUDIO else small_video()

    async def offer(self) -> Exchange:
        """Send an offer of ours, and apply the peer's answer."""
        # A candidate must not overtake the description that has its ufrag.
        self._described.clear()
        await self.pc.setLocalDescription()
        ours = local(self.pc)
        await hand_over(self.peer, ours)
        answer = await hear_description(self.peer)
        await self.pc.setRemoteDescription(answer)
        self._described.set()
        return Exchange(local=ours, remote=answer)

    async def be_offered(self, *, ice_restart: bool = False) -> Exchange:
        """Let the peer offer, and answer it.

        Raises:
            ThirdPartyError: The peer cannot, in its own words.
        """
        self._described.clear()
        await self.peer.tell("offer", iceRestart=ice_restart)
        offer = await hear_description(self.peer)
        await self.pc.setRemoteDescription(offer)
        await self.pc.setLocalDescription()
        ours = local(self.pc)
        await hand_over(self.peer, ours)
        self._described.set()
        return Exchange(local=ours, remote=offer)

    async def rekey(self, *, ice_restart: bool = False) -> tuple[RekeyResult, Exchange]:
        """Request a rekey, on fresh candidates or on the path in use, and make its offer."""
        needed = expected(self.pc, "negotiationneeded")
        rekeying = asyncio.create_task(self.pc.rekey(keep_path=not ice_restart))
        try:
            await within(needed)
            exchange = await self.offer()
            return await within(rekeying), exchange
        finally:
            rekeying.cancel()

    async def echo(self, channel: DataChannel | None = None) -> bool:
        """Return True if a message comes back unchanged, over the first channel or another."""
        channel = channel or self.channel
        self._echoes += 1
        text = f"there and back {self._echoes}"
        back = expected(channel, "message")
        channel.send(text)
        return bool(await within(back) == text)

    async def reset(self) -> None:
        """Reset the counters of both ends."""
        await self.peer.tell("reset")
        await self.peer.hear("reset")
        self._arrivals.reset()
        self._since = seconds_starved()

    async def report(self) -> Report:
        """Return the counters of both ends."""
        await self.peer.tell("report")
        line = await self.peer.hear("report")
        arrivals, inbound = line["arrivals"], line["inbound"]
        stats = (await self.pc.getStats()).values()
        streams = [each for each in stats if isinstance(each, InboundRtpStats)]
        return Report(
            peer=Arrivals(
                count=arrivals["count"],
                lost=arrivals["lost"],
                doubled=arrivals["doubled"],
                longest_gap=arrivals["longestGap"] / 1000,
            ),
            ours=self._arrivals.report(),
            waited=seconds_starved() - self._since,
            peer_lost=inbound.get("packetsLost", arrivals["lost"]),
            our_lost=sum(each.packetsLost for each in streams),
            our_packets=sum(each.packetsReceived for each in streams),
            frames_decoded=inbound.get("framesDecoded"),
            transport=line["transport"],
            pair=line["pair"],
        )

    async def flow(self, count: int = 10) -> Report:
        """Wait until `count` more packets or frames have come to both ends.

        Raises:
            TimeoutError: They do not come.
        """
        first = await self.report()
        async with asyncio.timeout(DEADLINE):
            while True:
                now = await self.report()
                if (
                    now.peer.count >= first.peer.count + count
                    and now.our_packets >= first.our_packets + count
                ):
                    return now
                await asyncio.sleep(_LOOK)


@asynccontextmanager
async def session_with(
    peer: ThirdPartyPeer, medium: Medium, **options: Any
) -> AsyncIterator[NegotiatedSession]:
    """Create a session, not open yet, with a peer that runs.

    Args:
        peer: It has not been called before.
        medium: What both send.
        options: Of our `PeerConfiguration`.
    """
    sinks = ArrivalSink(), Sink()
    configuration = PeerConfiguration(trace=Fanout(*sinks), **options)
    async with PeerConnection(configuration) as pc, trickling(pc, peer) as described:
        yield NegotiatedSession(pc, peer, medium, sinks, described)


@asynccontextmanager
async def negotiated_session(name: ThirdParty, **options: Any) -> AsyncIterator[NegotiatedSession]:
    """Start a third-party peer, and create a session with its best kind of media.

    Args:
        name: The peer.
        options: Of our `PeerConfiguration`.
    """
    async with (
        open_stage(name) as open_peer,
        open_peer() as peer,
        session_with(peer, medium_of(name), **options) as session,
    ):
        yield session


def small_video() -> SyntheticVideoTrack:
    # As little work as can be: the encoder shares two cores with a browser.
    return SyntheticVideoTrack(width=160, height=120)


def _attribute(description: SessionDescription, name: str) -> str:
    """Return the first value of an attribute."""
    start = f"a={name}:"
    lines = description.sdp.splitlines()
    return next(line.removeprefix(start) for line in lines if line.startswith(start))
