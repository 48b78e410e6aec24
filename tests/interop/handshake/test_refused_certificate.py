"""A peer of libwebrtc whose certificate is not the signalled one says `failed`, as we do."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from peer import Certificate, DtlsError, PeerConnection
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import forged, local, without_candidates
from tests.support.peers.exchange import hand_over, hear_description, trickling
from tests.support.peers.third_party import ThirdPartyPeer, python_webrtc_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from peer import SessionDescription

#: Seconds between two looks at its report.
_LOOK = 0.1

pytestmark = [
    pytest.mark.needs("python_webrtc"),
    pytest.mark.xdist_group("peer-python_webrtc"),
    pytest.mark.conformance("5-fp-mismatch", peers=("python_webrtc",)),
]


@asynccontextmanager
async def offered(
    seen: Callable[[SessionDescription], SessionDescription],
) -> AsyncIterator[tuple[PeerConnection, ThirdPartyPeer, SessionDescription, asyncio.Event]]:
    """A call whose answer we have not taken yet; the event lets candidates through."""
    async with (
        python_webrtc_stage() as open_peer,
        open_peer() as peer,
        PeerConnection() as pc,
        trickling(pc, peer) as ready,
    ):
        pc.createDataChannel("x")
        await pc.setLocalDescription()
        await hand_over(peer, seen(local(pc)))
        yield pc, peer, await hear_description(peer), ready


async def reported(peer: ThirdPartyPeer, name: str, value: str) -> None:
    """Wait until its `transport` statistics say so."""
    said: object = None
    async with asyncio.timeout(DEADLINE):
        while said != value:
            await asyncio.sleep(_LOOK)
            await peer.tell("report")
            said = (await peer.hear("report"))["transport"].get(name)


async def test_libwebrtc_refused_during_the_handshake_fails() -> None:
    async with offered(without_candidates) as (pc, peer, answer, ready):
        await pc.setRemoteDescription(forged(answer, Certificate.generate().fingerprint()))
        ready.set()
        with pytest.raises(DtlsError, match="does not match the fingerprint"):
            await pc.connected()

        await reported(peer, "dtlsState", "failed")


# Consent lasts for 15 s and more.
@pytest.mark.long
async def test_libwebrtc_refused_after_the_handshake_loses_consent() -> None:
    async with offered(lambda offer: offer) as (pc, peer, answer, ready):
        # Its early ClientHello is answered before the answer is here.
        await reported(peer, "dtlsState", "connected")
        await pc.setRemoteDescription(forged(answer, Certificate.generate().fingerprint()))
        ready.set()

        assert pc.connectionState == "failed"
        await reported(peer, "iceState", "failed")
