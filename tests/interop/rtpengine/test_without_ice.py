"""Through rtpengine, which takes ICE and rtcp-mux away from one leg, as in front of old phones."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from media import SyntheticAudioTrack
from peer import AnswerRole, PeerConnection, SdpType, SessionDescription
from tests.support.negotiation.connections import local, loopback, within
from tests.support.peers.rtpengine import Rtpengine, Value, rtpengine

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.needs("rtpengine"),
    pytest.mark.xdist_group("peer-rtpengine"),
    pytest.mark.conformance("6.7.2-latching", peers=("rtpengine",)),
]

#: Towards the end with ICE.
_WITH_ICE: dict[str, Value] = {
    "ICE": "force",
    "rtcp-mux": ["require"],
    "transport-protocol": "UDP/TLS/RTP/SAVPF",
    "flags": ["generate-mid"],
    "SDES": ["off"],
}
#: Towards the end without: RTCP has a port of its own.
_WITHOUT: dict[str, Value] = {
    **_WITH_ICE,
    "ICE": "remove",
    "rtcp-mux": ["demux"],
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


@pytest.mark.parametrize("role", AnswerRole)
async def test_rtpengine_joins_an_end_with_ice_and_one_without(
    tmp_path: Path, role: AnswerRole
) -> None:
    old = loopback(ice="optional", rtcp_mux="negotiate", answer_role=role)
    async with (
        rtpengine(tmp_path) as proxy,
        PeerConnection(loopback()) as caller,
        PeerConnection(old) as callee,
    ):
        caller.addTrack(SyntheticAudioTrack())
        offer = await passed(proxy, "offer", await described(caller), _WITHOUT)
        assert "a=ice-ufrag" not in offer
        assert "a=rtcp-mux" not in offer
        await callee.setRemoteDescription(SessionDescription(offer, SdpType.OFFER))
        callee.addTrack(SyntheticAudioTrack())
        answer = await passed(proxy, "answer", await described(callee), _WITH_ICE)
        await caller.setRemoteDescription(SessionDescription(answer, SdpType.ANSWER))
        await within(asyncio.gather(caller.connected(), callee.connected()))
        await asyncio.gather(heard(caller), heard(callee))
        assert [pc.security.transports[0].uses_ice for pc in (caller, callee)] == [True, False]
        assert callee.security.verified
