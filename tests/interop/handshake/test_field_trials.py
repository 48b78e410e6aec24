"""Calls with libwebrtc while experiments of its own, off by default, are on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from peer import ConnectionState
from peer.tracing.events import HandshakeCompleted
from tests.support.negotiation.connections import reached
from tests.support.peers.changes import hold, our_track, peer_directs, peers_track, we_direct
from tests.support.peers.handshakes import Call, Way, shake_hands
from tests.support.peers.negotiated_session import Medium, NegotiatedSession, session_with
from tests.support.peers.rekeys import rekey, restart
from tests.support.peers.third_party import python_webrtc_stage

#: What spares round trips: DTLS in STUN ("SPED") and SCTP's first chunks in descriptions ("SNAP").
ROUND_TRIPS = {"WebRTC-IceHandshakeDtls": "Enabled", "WebRTC-Sctp-Snap": "Enabled"}
#: What is offered beside what browsers offer.
RTP = {
    "WebRTC-RFC8888CongestionControlFeedback": "Enabled,offer:true",
    "WebRTC-FlexFEC-03": "Enabled",
    "WebRTC-FlexFEC-03-Advertised": "Enabled",
    "WebRTC-GenericDescriptorAdvertised": "Enabled",
    "WebRTC-DependencyDescriptorAdvertised": "Enabled",
    "WebRTC-VideoLayersAllocationAdvertised": "Enabled",
    "WebRTC-VideoFrameTrackingIdAdvertised": "Enabled",
    "WebRTC-Audio-Red-For-Opus": "Enabled",
    "WebRTC-DataChannelMessageInterleaving": "Enabled",
}

TIMES = 10

pytestmark = [
    pytest.mark.needs("python_webrtc"),
    pytest.mark.xdist_group("peer-python_webrtc"),
    pytest.mark.parametrize("trials", [ROUND_TRIPS, RTP], ids=["round trips", "rtp"]),
]


@asynccontextmanager
async def session_under(trials: dict[str, str]) -> AsyncIterator[NegotiatedSession]:
    """An open session with libwebrtc under field trials."""
    async with (
        python_webrtc_stage(trials) as open_peer,
        open_peer() as peer,
        session_with(peer, Medium.VIDEO) as session,
    ):
        await session.open()
        yield session


@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
async def test_libwebrtc_with_field_trials_takes_media_and_data_in_every_role(
    trials: dict[str, str], way: Way
) -> None:
    async with python_webrtc_stage(trials) as open_peer, open_peer() as peer:
        handshake = await shake_hands(peer, Call(way))
    assert handshake.verified
    assert handshake.audio_packets > 0
    assert handshake.echo == "There and back"


async def test_libwebrtc_with_field_trials_follows_a_rekey_and_ice_restarts_of_both_ends(
    trials: dict[str, str],
) -> None:
    async with session_under(trials) as session:
        rekeyed = await rekey(session)
        restarts = [await restart(session, by_peer=by_peer) for by_peer in (True, False)]
    assert rekeyed.result is not None
    assert rekeyed.result.changed
    assert [each.echoed for each in (rekeyed, *restarts)] == [True] * 3
    assert len(session.trace.all(HandshakeCompleted)) == 2


@pytest.mark.long
async def test_libwebrtc_with_field_trials_is_held_and_gains_and_loses_tracks_ten_times(
    trials: dict[str, str],
) -> None:
    async with session_under(trials) as session:
        held = [
            await hold(session, we_direct, session.offer),
            await hold(session, peer_directs, session.be_offered),
        ]
        for _ in range(TIMES):
            await our_track(session)
            await peers_track(session)
        await session.peer.tell("close")
        await reached(
            session.pc,
            "connectionstatechange",
            lambda: session.pc.connectionState is ConnectionState.DISCONNECTED,
        )
    assert [(each.peer.count, each.ours.count) for each in held] == [(0, 0)] * 2
    assert len(session.trace.all(HandshakeCompleted)) == 1
