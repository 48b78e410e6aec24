"""Senders, receivers and data channels share transport objects as BUNDLE has it."""

from __future__ import annotations

import asyncio

import pytest

import peer.compat as aiortc
from tests.support.compat.pairs import connect, connection


def of_policy(policy: aiortc.RTCBundlePolicy) -> aiortc.RTCPeerConnection:
    configuration = aiortc.RTCConfiguration(iceServers=[], bundlePolicy=policy)
    return aiortc.RTCPeerConnection(configuration)


@pytest.mark.parametrize(
    ("policy", "different"),
    [
        (aiortc.RTCBundlePolicy.MAX_BUNDLE, 1),
        (aiortc.RTCBundlePolicy.BALANCED, 3),
        (aiortc.RTCBundlePolicy.MAX_COMPAT, 4),
    ],
)
async def test_compat_transports_before_negotiation_follow_the_bundle_policy(
    policy: aiortc.RTCBundlePolicy, different: int
) -> None:
    pc = of_policy(policy)
    for kind in ("audio", "audio", "video"):
        pc.addTransceiver(kind)
    pc.createDataChannel("chat")

    assert pc.sctp is not None
    transports = [each.sender.transport for each in pc.getTransceivers()]

    assert len({*transports, pc.sctp.transport}) == different
    assert {each.state for each in transports} == {"new"}
    await pc.close()


async def test_compat_transports_are_one_once_bundle_is_agreed_on() -> None:
    caller, callee = connection(), connection()
    audio, video = caller.addTransceiver("audio"), caller.addTransceiver("video")
    caller.createDataChannel("chat")
    thrown_away = video.sender.transport
    states: list[str] = []
    kept = audio.sender.transport
    kept.on("statechange", lambda: states.append(kept.state))

    await connect(caller, callee)

    assert caller.sctp is not None
    assert video.sender.transport is video.receiver.transport is caller.sctp.transport is kept
    assert thrown_away.state == "closed"
    assert states[-1] == "connected"
    await caller.close()
    assert states[-1] == "closed"
    await callee.close()


async def test_compat_transport_tells_of_ice_and_of_its_candidates() -> None:
    caller, callee = connection(), connection()
    caller.createDataChannel("chat")
    assert caller.sctp is not None
    ice = caller.sctp.transport.transport
    assert (ice.state, ice.iceGatherer.state) == ("new", "new")

    await connect(caller, callee)

    assert (ice.state, ice.iceGatherer.state, ice.role) == ("completed", "completed", "controlling")
    ports = {candidate.port for candidate in ice.iceGatherer.getLocalCandidates()}
    assert callee.sctp is not None
    assert ports == {each.port for each in callee.sctp.transport.transport.getRemoteCandidates()}
    assert f"a=ice-ufrag:{ice.iceGatherer.getLocalParameters().usernameFragment}\r\n" in (
        caller.localDescription.sdp
    )
    (fingerprint,) = caller.sctp.transport.getLocalParameters().fingerprints
    assert f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}" in (
        caller.localDescription.sdp
    )
    await asyncio.gather(caller.close(), callee.close())
