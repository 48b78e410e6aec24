"""Calls with stacks of others that are held and resumed, gain tracks and lose them, and end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from peer import ConnectionState, IceConnectionState
from peer.tracing.events import HandshakeCompleted
from tests.support.negotiation.connections import reached
from tests.support.peers.changes import (
    hold,
    our_track,
    peer_directs,
    peers_track,
    sections,
    we_direct,
)
from tests.support.peers.marks import EVERYTHING, peer_parameters
from tests.support.peers.negotiated_session import (
    Report,
    negotiated_session,
)
from tests.support.peers.third_party import ThirdParty

#: Stacks that have W3C's transceivers, and send pictures.
PEERS = (ThirdParty.CHROMIUM, ThirdParty.FIREFOX, ThirdParty.WRTC, ThirdParty.PYTHON_WEBRTC)
#: Those of them that every run calls; `make interop` calls all.
CALLED = PEERS if EVERYTHING else (ThirdParty.PYTHON_WEBRTC,)
HOLDS = 2
TIMES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One session through all changes.

    Args:
        held: What both ends counted while we held the call, and while the peer did.
        sections: m-sections of our description after the tracks of either side.
        states: The states of our connection and of ICE when the peer had closed its own.
    """

    held: tuple[Report, ...]
    sections: tuple[int, int]
    handshakes: int
    states: tuple[ConnectionState, IceConnectionState]


@pytest.fixture(scope="module", params=peer_parameters(CALLED))
def story(request: pytest.FixtureRequest) -> Story:
    """One session with each peer, through every change."""
    return asyncio.run(_tell(request.param))


async def _tell(name: ThirdParty) -> Story:
    async with negotiated_session(name) as session:
        await session.open()
        held = [await hold(session, we_direct, session.offer) for _ in range(HOLDS)]
        held += [await hold(session, peer_directs, session.be_offered) for _ in range(HOLDS)]
        for _ in range(TIMES):
            await our_track(session)
        ours = sections(session)
        for _ in range(TIMES):
            await peers_track(session)
        await session.peer.tell("close")
        await reached(
            session.pc,
            "connectionstatechange",
            lambda: session.pc.connectionState is not ConnectionState.CONNECTED,
        )
        return Story(
            held=tuple(held),
            sections=(ours, sections(session)),
            handshakes=len(session.trace.all(HandshakeCompleted)),
            states=(session.pc.connectionState, session.pc.iceConnectionState),
        )


def test_nothing_is_sent_or_received_while_either_end_holds_the_call(story: Story) -> None:
    assert [(each.peer.count, each.ours.count) for each in story.held] == [(0, 0)] * 2 * HOLDS


def test_tracks_of_either_end_added_and_removed_ten_times_leave_their_m_sections(
    story: Story,
) -> None:
    # W3C webrtc-pc section 5.1: no sender that has sent is taken for another track, so that each of
    # ours needs an m-section. The peer sends its own in those, where it has not sent yet.
    assert story.sections == (2 + TIMES, 2 + TIMES)


def test_holds_and_tracks_need_no_handshake(story: Story) -> None:
    assert story.handshakes == 1


def test_connection_is_disconnected_at_once_when_the_peer_closes_its_own(story: Story) -> None:
    # Silence alone would make ICE lose its path.
    assert story.states[0] is ConnectionState.DISCONNECTED
    assert story.states[1] is not IceConnectionState.DISCONNECTED
