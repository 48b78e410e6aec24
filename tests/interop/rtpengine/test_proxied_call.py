"""Calls between two of ours through rtpengine, which ends ICE, DTLS and SRTP of either side."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from media import SyntheticAudioTrack
from peer import (
    BundlePolicy,
    Certificate,
    ConnectionState,
    IceConnectionState,
    PeerConfiguration,
    PeerConnection,
    SdpType,
    SessionDescription,
)
from peer.identity.fingerprints import HashFunction
from peer.rtp.inbound.stats import InboundRtpStats
from peer.tracing.events import AssociationDecided, Fanout, HandshakeCompleted, StateChanged
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import direct, expected, local, reached, until, within
from tests.support.peers.negotiated_session import small_video
from tests.support.peers.rtpengine import Rtpengine, rtpengine
from tests.support.rtp.arrivals import ArrivalSink
from tests.support.tracing.traces import Sink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from peer import RekeyResult

pytestmark = [pytest.mark.needs("rtpengine"), pytest.mark.xdist_group("peer-rtpengine")]

TIMES = 10
#: Seconds between two looks at a counter.
_LOOK = 0.03
#: Seconds for which an end may look for a handshake that nobody takes part in: 3, on a machine that
#: is overloaded, and not the 30 of one that has begun.
_LOOKS_FOR_A_HANDSHAKE = 20.0
#: Seconds in which 20 packets of sound would come.
_SILENCE = 0.4


class End:
    """One of the two connections, and what it receives.

    Args:
        tag: Its name at the proxy.
        certificate: What it shows; one of its own where None.
    """

    def __init__(self, tag: str, certificate: Certificate | None = None) -> None:
        self.tag = tag
        self.arrivals, self.trace = ArrivalSink(), Sink()
        # Without BUNDLE no other policy takes a second picture (RFC 9429 section 4.1.1).
        configuration = PeerConfiguration(
            bundlePolicy=BundlePolicy.MAX_COMPAT,
            certificates=() if certificate is None else (certificate,),
            trace=Fanout(self.arrivals, self.trace),
        )
        self.pc = PeerConnection(configuration)
        #: What goes to the proxy in place of our fingerprint; it goes as it is where None.
        self.fingerprint: str | None = None

    @property
    def handshakes(self) -> int:
        return len(self.trace.all(HandshakeCompleted))

    @property
    def states(self) -> list[str]:
        """Every state of the connection, in order."""
        changes = self.trace.all(StateChanged)
        return [each.state for each in changes if each.machine == "connectionState"]

    async def described(self) -> str:
        await self.pc.setLocalDescription()
        await within(self.pc.gathering_complete())
        sdp = local(self.pc).sdp
        return sdp if self.fingerprint is None else with_fingerprint(sdp, self.fingerprint)

    async def received(self) -> dict[str, int]:
        stats = (await self.pc.getStats()).values()
        streams = [each for each in stats if isinstance(each, InboundRtpStats)]
        return {each.mid or "": each.packetsReceived for each in streams}

    async def flow(self, *mids: str, count: int = 5) -> None:
        """Wait until more packets have come in each of these m-sections."""
        first = await self.received()
        async with asyncio.timeout(DEADLINE):
            while True:
                now = await self.received()
                if all(now.get(mid, 0) >= first.get(mid, 0) + count for mid in mids):
                    return
                await asyncio.sleep(_LOOK)


class ProxiedCall:
    """Two ends whose descriptions go through the proxy, as they go through a SIP server with it."""

    def __init__(self, proxy: Rtpengine, one: End, other: End) -> None:
        self._proxy = proxy
        self.one, self.other = one, other

    async def offer(self, offerer: End, answerer: End) -> None:
        tags = {"call_id": "call", "from_tag": offerer.tag}
        # A later offer of either side names both ends (RFC 3261 section 12).
        both = {**tags, "to_tag": answerer.tag}
        first = offerer.pc.remoteDescription is None
        offer = await self._proxy.describe(
            "offer", sdp=await offerer.described(), **(tags if first else both)
        )
        await answerer.pc.setRemoteDescription(SessionDescription(type=SdpType.OFFER, sdp=offer))
        answer = await self._proxy.describe("answer", sdp=await answerer.described(), **both)
        await offerer.pc.setRemoteDescription(SessionDescription(type=SdpType.ANSWER, sdp=answer))

    async def end(self) -> None:
        await self._proxy.ask({"command": "delete", "call-id": "call", "delete-delay": 0})

    async def flow(self, *mids: str) -> None:
        await asyncio.gather(self.one.flow(*mids), self.other.flow(*mids))


@pytest.fixture
async def call(tmp_path: Path) -> AsyncIterator[ProxiedCall]:
    """A call with sound and pictures both ways."""
    async with proxied_call(tmp_path, End("one"), End("other")) as call:
        yield call


@asynccontextmanager
async def proxied_call(folder: Path, one: End, other: End) -> AsyncIterator[ProxiedCall]:
    async with rtpengine(folder) as proxy, one.pc, other.pc:
        for end in (one, other):
            end.pc.addTrack(SyntheticAudioTrack())
            end.pc.addTrack(small_video())
        call = ProxiedCall(proxy, one, other)
        await call.offer(one, other)
        await within(asyncio.gather(one.pc.connected(), other.pc.connected()))
        await call.flow("0", "1")
        yield call


async def test_sound_and_pictures_pass_rtpengine_both_ways(call: ProxiedCall) -> None:
    # Without BUNDLE, which it does not have: a transport for each of the two.
    assert [len(end.pc.security.transports) for end in (call.one, call.other)] == [2, 2]
    assert all(each.verified for each in call.one.pc.security.transports)
    await call.offer(call.other, call.one)
    await call.flow("0", "1")
    assert (call.one.handshakes, call.other.handshakes) == (2, 2)


async def test_hold_and_resume_pass_rtpengine(call: ProxiedCall) -> None:
    for holder, held in ((call.one, call.other), (call.other, call.one)):
        direct(holder.pc, "inactive")
        await call.offer(holder, held)
        ends = call.one, call.other
        came = await asyncio.gather(*(end.arrivals.silence(_SILENCE) for end in ends))
        assert came == [0, 0]
        direct(holder.pc, "sendrecv")
        await call.offer(holder, held)
        await call.flow("0", "1")


async def test_tracks_added_and_removed_ten_times_pass_rtpengine(call: ProxiedCall) -> None:
    for _ in range(TIMES):
        sender = call.one.pc.addTrack(small_video())
        await call.offer(call.one, call.other)
        (added,) = (each for each in call.one.pc.getTransceivers() if each.sender is sender)
        assert added.mid is not None
        await call.other.flow("0", "1", added.mid)
        call.one.pc.removeTrack(sender)
        await call.offer(call.one, call.other)
        await call.flow("0", "1")
    # A handshake for each, as nothing is bundled.
    assert (call.one.handshakes, call.other.handshakes) == (2 + TIMES, 2 + TIMES)


async def test_ice_restarts_of_either_end_pass_rtpengine(call: ProxiedCall) -> None:
    for offerer, answerer in ((call.one, call.other), (call.other, call.one)):
        offerer.pc.restartIce()
        await call.offer(offerer, answerer)
        await call.flow("0", "1")


@pytest.mark.parametrize("by_caller", [True, False], ids=["caller", "callee"])
async def test_rekey_of_one_end_is_followed_by_rtpengine_and_keeps_the_other_leg(
    call: ProxiedCall, by_caller: bool
) -> None:
    ends = (call.one, call.other) if by_caller else (call.other, call.one)
    left = expected(ends[1].pc, "rekeyfailed")
    result = await rekey(call, *ends)
    assert result.changed, result.reason
    await call.flow("0", "1")
    # It passes on our new tls-id, but keeps the association of the other leg, and so do we.
    assert [end.handshakes for end in ends] == [4, 2]
    # The other end asks meanwhile. First it has to see that nobody answers its ClientHellos.
    meanwhile = asyncio.create_task(ends[1].pc.rekey(keep_path=True))
    assert (await within(left)).result.duration < _LOOKS_FOR_A_HANDSHAKE
    assert (await answered_rekey(call, ends[1], ends[0], meanwhile)).changed
    await call.flow("0", "1")
    assert [end.handshakes for end in ends] == [4, 4]


async def test_rtpengine_that_begins_dtls_anew_by_its_own_certificate_is_followed(
    tmp_path: Path,
) -> None:
    certificate = Certificate.generate()
    one = End("one", certificate)
    async with proxied_call(tmp_path, one, End("other")) as call:
        ends = call.one, call.other
        states = [end.states for end in ends]
        shown = [fingerprints(end.pc.remoteDescription) for end in ends]
        # The same certificate in other words (RFC 8122 section 5): rtpengine begins a new
        # association by its own, and tells nobody.
        one.fingerprint = str(certificate.fingerprint(HashFunction.SHA512))
        await call.offer(*ends)
        await until(lambda: one.handshakes == 4)
        await call.flow("0", "1")

        assert [end.handshakes for end in ends] == [4, 2]
        assert [end.states for end in ends] == states
        assert [fingerprints(end.pc.remoteDescription) for end in ends] == shown
        assert all(each.verified for each in one.pc.security.transports)
    decisions = one.trace.all(AssociationDecided)
    begun = {each.transport for each in decisions if "begins DTLS anew" in each.reason}
    assert begun == {"0", "1"}


@pytest.mark.long
async def test_rekey_helps_where_rtpengine_waits_for_a_client_of_a_new_association(
    tmp_path: Path,
) -> None:
    certificate = Certificate.generate()
    other = End("other", certificate)
    async with proxied_call(tmp_path, End("one"), other) as call:
        # rtpengine has offered to this end, and is the server of its associations.
        other.fingerprint = str(certificate.fingerprint(HashFunction.SHA512))
        await call.offer(other, call.one)
        other.fingerprint = None
        result = await rekey(call, other, call.one)
        assert result.changed, result.reason
        await call.flow("0", "1")
        assert [end.handshakes for end in (call.one, other)] == [2, 4]


async def test_call_that_rtpengine_deletes_is_lost_by_its_silence(call: ProxiedCall) -> None:
    await call.end()
    for end in (call.one, call.other):
        await reached(
            end.pc,
            "connectionstatechange",
            lambda: end.pc.connectionState is ConnectionState.DISCONNECTED,  # noqa: B023 - at once
        )
        assert end.pc.iceConnectionState is IceConnectionState.DISCONNECTED


def fingerprints(description: SessionDescription | None) -> list[str]:
    assert description is not None
    return re.findall("(?m)^a=fingerprint:(.*?)\r?$", description.sdp)


def with_fingerprint(sdp: str, fingerprint: str) -> str:
    return re.sub("(?m)^a=fingerprint:.*?(?=\r?$)", f"a=fingerprint:{fingerprint}", sdp)


async def rekey(call: ProxiedCall, offerer: End, answerer: End) -> RekeyResult:
    rekeying = asyncio.create_task(offerer.pc.rekey(keep_path=True))
    return await answered_rekey(call, offerer, answerer, rekeying)


async def answered_rekey(
    call: ProxiedCall, offerer: End, answerer: End, rekeying: asyncio.Task[RekeyResult]
) -> RekeyResult:
    """Make the offer that a rekey asks for, and wait for its result."""
    needed = expected(offerer.pc, "negotiationneeded")
    try:
        await within(needed)
        await call.offer(offerer, answerer)
        result: RekeyResult = await within(rekeying)
        return result
    finally:
        rekeying.cancel()
