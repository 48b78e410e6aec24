"""What a new Negotiator does first with a connection that another one left behind."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from peer.descriptions import SdpType, SessionDescription
from peer.events import IceCandidateEvent
from peer.ice import IceCandidate
from peer.states import SignalingState
from signaling import Answer, Candidate, ErrorCode, Negotiator, Offer, channel_pair
from tests.support.negotiation.stand_in import Scene, StandIn, turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OFFER = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n"
ANSWER = "v=0\r\no=- 2 1 IN IP4 0.0.0.0\r\n"
AGAIN = Answer(sdp=ANSWER, answers="o=- 3 1 IN IP4 0.0.0.0")
THEIRS = "v=0\r\no=- 3 1 IN IP4 0.0.0.0\r\n"


@contextlib.asynccontextmanager
async def taking_over(pc: StandIn, *, polite: bool = True) -> AsyncIterator[Scene]:
    scene = Scene(polite=polite, pc=pc)
    yield scene
    await scene.peer.close()
    await scene.running


def left_with(state: SignalingState) -> StandIn:
    pc = StandIn()
    pc.signalingState = state
    pc.localDescription = SessionDescription(OFFER, SdpType.OFFER)
    pc.remoteDescription = SessionDescription(OFFER, SdpType.OFFER)
    return pc


@pytest.mark.parametrize("polite", [True, False])
@pytest.mark.parametrize(
    "state", [SignalingState.HAVE_LOCAL_OFFER, SignalingState.HAVE_REMOTE_PRANSWER]
)
async def test_an_offer_that_was_never_answered_is_sent_again(
    state: SignalingState, polite: bool
) -> None:
    async with taking_over(left_with(state), polite=polite) as scene:
        assert await scene.hears() == Offer(sdp=OFFER)
        await scene.says(Answer(sdp="theirs"))
        await turns()
        assert scene.pc.applied == ["remote answer"]
        assert scene.errors == []


async def test_an_offer_is_sent_again_before_the_candidates_that_wait() -> None:
    pc = left_with(SignalingState.HAVE_LOCAL_OFFER)
    ours, peer = channel_pair()
    negotiator = Negotiator(pc, ours, polite=True)
    pc.emit("icecandidate", IceCandidateEvent(IceCandidate(candidate="c", sdpMid="0")))
    running = asyncio.create_task(negotiator.run())
    assert [await peer.receive(), await peer.receive()] == [
        Offer(sdp=OFFER),
        Candidate(candidate="c", sdpMid="0"),
    ]
    await peer.close()
    await running


async def test_the_polite_peer_gives_way_with_an_offer_sent_again_too() -> None:
    async with taking_over(left_with(SignalingState.HAVE_LOCAL_OFFER)) as scene:
        await scene.hears(Offer)
        await scene.says(Offer(sdp="theirs"))
        await scene.hears(Answer)


async def test_an_offer_that_was_left_without_an_answer_is_answered() -> None:
    async with taking_over(left_with(SignalingState.HAVE_REMOTE_OFFER)) as scene:
        assert await scene.hears() == Answer(sdp="ours 1")


async def test_an_offer_that_its_sender_sends_again_is_not_answered_twice() -> None:
    async with taking_over(left_with(SignalingState.HAVE_REMOTE_OFFER)) as scene:
        await scene.says(Offer(sdp=OFFER), Offer(sdp="o=- 1 2 IN IP4 0.0.0.0\r\n"))
        assert await scene.hears() == Answer(sdp="ours 1")
        # To the second one; the one sent again was applied, for the candidates in it.
        assert await scene.hears() == Answer(sdp="ours 5")
        assert scene.pc.applied.count("remote offer") == 2


async def test_nothing_is_said_on_a_connection_that_is_stable() -> None:
    async with taking_over(left_with(SignalingState.STABLE)) as scene:
        await scene.says(Offer(sdp=OFFER), Answer(sdp="v"))
        await scene.hears(Answer)
        await scene.hears_error(ErrorCode.UNEXPECTED)


def answered(state: SignalingState) -> StandIn:
    """A connection whose latest complete exchange was an offer of the peer, answered here."""
    pc = left_with(state)
    pc.localDescription = SessionDescription(OFFER, SdpType.OFFER)
    pc.currentLocalDescription = SessionDescription(ANSWER, SdpType.ANSWER)
    pc.currentRemoteDescription = SessionDescription(THEIRS, SdpType.OFFER)
    return pc


async def test_the_latest_answer_is_sent_again_ahead_of_an_offer() -> None:
    async with taking_over(answered(SignalingState.STABLE)) as scene:
        assert await scene.hears() == AGAIN
        scene.pc.emit("negotiationneeded")
        await scene.hears(Offer)
    async with taking_over(answered(SignalingState.HAVE_LOCAL_OFFER)) as scene:
        assert await scene.hears() == AGAIN
        assert await scene.hears() == Offer(sdp=OFFER)


async def test_an_offer_whose_answer_was_sent_again_does_not_take_ours_back() -> None:
    # The peer sends it again without having had the answer, while our own offer is on its way.
    async with taking_over(answered(SignalingState.HAVE_LOCAL_OFFER)) as scene:
        await scene.says(Offer(sdp=THEIRS), Answer(sdp="theirs"))
        await turns()
        assert scene.pc.applied == ["remote answer"]
        assert scene.errors == []


@pytest.mark.parametrize("state", [SignalingState.STABLE, SignalingState.HAVE_LOCAL_OFFER])
async def test_an_answer_that_this_end_has_had_is_left_out(state: SignalingState) -> None:
    async with taking_over(left_with(state)) as scene:
        await scene.says(Answer(sdp=ANSWER, answers="o=- 1 0 IN IP4 0.0.0.0"))
        await turns()
        assert (scene.pc.applied, scene.errors) == ([], [])


async def test_an_answer_that_was_lost_is_taken_when_it_comes_again() -> None:
    async with taking_over(left_with(SignalingState.HAVE_LOCAL_OFFER)) as scene:
        await scene.says(Answer(sdp=ANSWER, answers=OFFER.splitlines()[1]))
        await turns()
        assert scene.pc.applied == ["remote answer"]
