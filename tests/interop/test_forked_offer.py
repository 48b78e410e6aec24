"""One offer that aiortc, Chromium, libwebrtc in Node.js and Pion answer, each of them a fork."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from peer import IceCandidate, PeerConnection, SdpType, SessionDescription
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connection_media import ToneTrack, hears, receives_more
from tests.support.negotiation.connections import expected, gathered, opened, within
from tests.support.peers.exchange import hand_over, hear_description
from tests.support.peers.negotiated_session import medium_of, small_video
from tests.support.peers.third_party import ThirdParty, open_stage

if TYPE_CHECKING:
    from tests.support.peers.third_party import ThirdPartyPeer

NAMES = (ThirdParty.CHROMIUM, ThirdParty.WRTC, ThirdParty.PION)


class Device:
    """A program of others that has answered the offer, and the fork that is for it."""

    def __init__(self, peer: ThirdPartyPeer, answer: SessionDescription) -> None:
        self.answer = answer
        self._peer = peer
        self._candidates: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        peer.on_candidate = self._candidates.put_nowait

    async def trickle(self, fork: PeerConnection) -> None:
        """Pass on the candidates that it finds, for as long as the test lasts."""
        while True:
            line = await self._candidates.get()
            candidate = IceCandidate(
                line["candidate"], line.get("sdpMid"), line.get("sdpMLineIndex")
            )
            await fork.addIceCandidate(candidate)

    async def flows(self) -> None:
        """Wait until more of our media has come to it."""
        first = await self._received()
        async with asyncio.timeout(DEADLINE):
            while await self._received() < first + 10:  # noqa: ASYNC110 - it tells when asked
                await asyncio.sleep(0.05)

    async def _received(self) -> int:
        await self._peer.tell("report")
        count: int = (await self._peer.hear("report"))["arrivals"]["count"]
        return count


async def echoes(fork: PeerConnection) -> None:
    """Check that a message comes back over the data channel."""
    (channel,) = fork.inherited_channels
    await opened(channel)
    back = expected(channel, "message")
    channel.send(fork.id)
    assert await within(back) == fork.id


def certificate_of(fork: PeerConnection) -> str:
    """Fingerprint of the certificate that the peer of a fork has shown."""
    (transport,) = fork.security.transports
    assert transport.verified
    return str(transport.remote_fingerprint)


@pytest.mark.conformance("6.3-forking")
@pytest.mark.browser("chromium")
@pytest.mark.needs("wrtc")
@pytest.mark.needs("pion")
async def test_four_stacks_answer_one_offer_and_each_is_a_fork_with_keys_of_its_own() -> None:
    async with asyncio.TaskGroup() as tasks, AsyncExitStack() as stack:
        pc = await stack.enter_async_context(PeerConnection())
        pc.addTrack(ToneTrack(500))
        pc.addTrack(small_video())
        pc.createDataChannel("chat")
        offer = await gathered(pc)

        devices = []
        for name in NAMES:
            open_peer = await stack.enter_async_context(open_stage(name))
            peer = await stack.enter_async_context(open_peer())
            await peer.tell("send", kind=medium_of(name).value)
            await hand_over(peer, offer)
            devices.append(Device(peer, await hear_description(peer)))
        other = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        stack.push_async_callback(other.close)
        other.addTrack(ToneTrack(900))
        tracks: dict[str, Any] = {}
        other.on("track", lambda found: tracks.setdefault(found.kind, found))
        other.on("datachannel", lambda channel: channel.on("message", channel.send))
        await other.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        await other.setLocalDescription(await other.createAnswer())
        answer = SessionDescription(other.localDescription.sdp, SdpType.ANSWER)

        forks = []
        for device in devices:
            fork = await stack.enter_async_context(await pc.fork(device.answer))
            carrier = tasks.create_task(device.trickle(fork))
            stack.callback(carrier.cancel)
            forks.append(fork)
        with_aiortc = await stack.enter_async_context(await pc.fork(answer))
        await asyncio.gather(*(within(each.connected()) for each in (*forks, with_aiortc)))
        await asyncio.gather(
            *(each.flows() for each in devices),
            *map(receives_more, (*forks, with_aiortc)),
            *map(echoes, (*forks, with_aiortc)),
            hears(tracks["audio"], 500),
        )
        shown = [certificate_of(each) for each in (*forks, with_aiortc)]
        assert len(set(shown)) == len(shown)
        assert pc.signalingState == "have-local-offer"

        # What is dropped is nobody else's loss.
        await pc.close()
        for fork in forks[:2]:
            await fork.close()
        kept = (*forks[2:], with_aiortc)
        await asyncio.gather(devices[2].flows(), *map(receives_more, kept), *map(echoes, kept))
