"""OSRTP (RFC 8643) through rtpengine, which stands between an end with keys and one without any."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from media import SyntheticAudioTrack
from peer import (
    BestEffort,
    MediaEncryption,
    PeerConfiguration,
    PeerConnection,
    SdpType,
    SessionDescription,
)
from tests.support.negotiation.connections import local, within
from tests.support.peers.rtpengine import Rtpengine, Value, rtpengine

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.needs("rtpengine"),
    pytest.mark.xdist_group("peer-rtpengine"),
    pytest.mark.conformance("6.11-best-effort", peers=("rtpengine",)),
]

#: Of either leg: our ends speak ICE and have one port for RTP and RTCP, whatever protects both.
_LEG: dict[str, Value] = {
    "ICE": "force",
    "rtcp-mux": ["require"],
    "flags": ["generate-mid"],
    "SDES": ["off"],
}
#: What makes plain RTP of an offer, and takes OSRTP of the caller all the same.
_PLAIN: dict[str, Value] = {
    **_LEG,
    "transport-protocol": "RTP/AVP",
    "DTLS": "off",
    "OSRTP": ["accept"],
}


async def described(pc: PeerConnection) -> str:
    await pc.setLocalDescription()
    await within(pc.gathering_complete())
    return local(pc).sdp


async def passed(proxy: Rtpengine, command: str, sdp: str, flags: dict[str, Value]) -> str:
    """Let an offer or an answer through, and return what comes of it."""
    tags: dict[str, Value] = {"call-id": "call", "from-tag": "caller"}
    if command == "answer":
        tags["to-tag"] = "callee"
    return str((await proxy.ask({"command": command, "sdp": sdp, **tags, **flags}))["sdp"])


async def heard(pc: PeerConnection) -> None:
    """Wait until sound has come."""
    (transceiver,) = pc.getTransceivers()
    for _ in range(10):
        await within(transceiver.receiver.track.recv())


async def test_rtpengine_encrypts_the_leg_of_an_osrtp_offer_towards_an_end_without_keys(
    tmp_path: Path,
) -> None:
    configuration = PeerConfiguration(best_effort=BestEffort.PLAIN_RTP)
    async with (
        rtpengine(tmp_path) as proxy,
        PeerConnection(configuration) as caller,
        PeerConnection(configuration) as callee,
    ):
        caller.addTrack(SyntheticAudioTrack())
        offer = await passed(proxy, "offer", await described(caller), _PLAIN)
        assert "fingerprint" not in offer
        await callee.setRemoteDescription(SessionDescription(offer, SdpType.OFFER))
        callee.addTrack(SyntheticAudioTrack())
        answer = await passed(
            proxy, "answer", await described(callee), {**_LEG, "OSRTP": ["accept"]}
        )
        await caller.setRemoteDescription(SessionDescription(answer, SdpType.ANSWER))
        await within(asyncio.gather(caller.connected(), callee.connected()))
        await asyncio.gather(heard(caller), heard(callee))
        legs = [pc.security.transports[0].encryption for pc in (caller, callee)]
        assert legs == [MediaEncryption.DTLS_SRTP, MediaEncryption.NONE]
        assert caller.security.verified
