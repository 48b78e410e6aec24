"""Early answers of the Negotiator (RFC 5763 section 6.2), on a stand-in for the connection."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from peer.descriptions import SdpType, SessionDescription
from peer.errors import SdpSyntaxError
from peer.states import SignalingState
from signaling import (
    Answer,
    ErrorCode,
    NegotiationError,
    Negotiator,
    Offer,
    Opening,
    ProvisionalAnswer,
    channel_pair,
)
from tests.support.negotiation.stand_in import Scene, StandIn, turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OFFER = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n"
OTHER_OFFER = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\n"
BAD = SdpSyntaxError("a line is malformed", line="x", line_number=1)


@contextlib.asynccontextmanager
async def called(
    opening: Opening = Opening.EARLY_ANSWER, *, polite: bool = True, pc: StandIn | None = None
) -> AsyncIterator[Scene]:
    scene = Scene(polite=polite, opening=opening, pc=pc)
    await asyncio.sleep(0)
    yield scene
    await scene.peer.close()
    await scene.running


@contextlib.asynccontextmanager
async def ringing(*, polite: bool = True) -> AsyncIterator[Scene]:
    async with called(polite=polite) as scene:
        await scene.says(Offer(sdp=OFFER))
        await scene.hears(ProvisionalAnswer)
        yield scene


async def test_offer_is_answered_provisionally_until_it_is_accepted() -> None:
    async with ringing() as scene:
        assert scene.rings == 1
        assert scene.pc.signalingState is SignalingState.HAVE_LOCAL_PRANSWER
        scene.negotiator.accept()
        assert await scene.hears() == Answer(sdp="ours 3")
        assert scene.pc.applied == ["remote offer", "local", "local"]


async def test_call_that_is_accepted_before_it_comes_is_answered_at_once() -> None:
    async with called() as scene:
        scene.negotiator.accept()
        await scene.says(Offer(sdp=OFFER))
        await scene.hears(Answer)
        assert scene.rings == 0


async def test_call_that_is_accepted_as_it_rings_has_no_early_answer() -> None:
    pc = StandIn()
    ours, peer = channel_pair()

    def accept() -> None:
        negotiator.accept()

    negotiator = Negotiator(pc, ours, polite=True, opening=Opening.EARLY_ANSWER, on_ringing=accept)
    running = asyncio.create_task(negotiator.run())
    await peer.send(Offer(sdp=OFFER))
    assert isinstance(await peer.receive(), Answer)
    await turns()
    assert pc.applied == ["remote offer", "local"]
    await peer.close()
    await running


async def test_no_offer_is_made_before_this_end_has_accepted() -> None:
    async with called() as scene:
        scene.pc.emit("negotiationneeded")
        await turns()
        assert scene.pc.applied == []
        scene.negotiator.accept()
        await scene.hears(Offer)


async def test_accepting_before_a_call_offers_nothing_where_nothing_is_needed() -> None:
    async with called() as scene:
        scene.negotiator.accept()
        await turns()
        assert scene.pc.applied == []


async def test_what_was_held_back_before_the_call_is_not_offered_again_after_it() -> None:
    async with called() as scene:
        scene.pc.emit("negotiationneeded")
        await scene.says(Offer(sdp=OFFER))
        await scene.hears(ProvisionalAnswer)
        scene.negotiator.accept()
        await scene.hears(Answer)
        await turns()
        assert scene.pc.applied == ["remote offer", "local", "local"]


@pytest.mark.parametrize("polite", [True, False])
async def test_offer_that_is_sent_again_has_its_early_answer_again(polite: bool) -> None:
    async with ringing(polite=polite) as scene:
        await scene.says(Offer(sdp=OFFER))
        await scene.hears(ProvisionalAnswer)
        assert scene.pc.applied == ["remote offer", "local"]
        assert scene.rings == 1


@pytest.mark.parametrize("polite", [True, False])
async def test_another_offer_while_it_rings_is_named_and_changes_nothing(polite: bool) -> None:
    async with ringing(polite=polite) as scene:
        await scene.says(Offer(sdp=OTHER_OFFER))
        await scene.hears_error(ErrorCode.UNEXPECTED)
        scene.negotiator.accept()
        await scene.hears(Answer)
        assert "answered provisionally" in str(scene.errors[0])


async def test_negotiator_that_takes_over_a_call_that_rings_answers_early_again() -> None:
    pc = StandIn()
    pc.signalingState = SignalingState.HAVE_LOCAL_PRANSWER
    pc.remoteDescription = SessionDescription(OFFER, SdpType.OFFER)
    async with called(pc=pc) as scene:
        await scene.hears(ProvisionalAnswer)
        # Its sender does the same, and sends the offer again.
        await scene.says(Offer(sdp=OFFER))
        scene.negotiator.accept()
        await scene.hears(Answer)
        assert scene.errors == []


async def test_early_answer_that_is_refused_leaves_the_offer_open() -> None:
    async with called(Opening.OFFER) as scene:
        await scene.is_offering()
        scene.pc.failures["remote pranswer"].append(BAD)
        await scene.says(ProvisionalAnswer(sdp="nonsense"))
        await scene.hears_error(ErrorCode.BAD_DESCRIPTION)
        await scene.says(Answer(sdp="good"))
        await turns()
        assert scene.pc.applied == ["local", "remote answer"]


async def test_early_answers_may_be_many_before_the_final_one() -> None:
    async with called(Opening.OFFER) as scene:
        await scene.is_offering()
        await scene.says(*[ProvisionalAnswer(sdp="early")] * 3, Answer(sdp="final"))
        await turns()
        assert scene.pc.applied == ["local", *["remote pranswer"] * 3, "remote answer"]
        assert scene.errors == []


async def test_offer_of_who_has_answered_early_is_named_and_changes_nothing() -> None:
    async with called(Opening.OFFER) as scene:
        await scene.is_offering()
        await scene.says(ProvisionalAnswer(sdp="early"), Offer(sdp=OTHER_OFFER))
        await scene.hears_error(ErrorCode.UNEXPECTED)
        await scene.says(Answer(sdp="final"))
        await turns()
        assert scene.pc.applied == ["local", "remote pranswer", "remote answer"]


async def test_final_answer_that_is_refused_after_an_early_one_ends_the_negotiation() -> None:
    scene = Scene(polite=True)
    await scene.is_offering()
    scene.pc.failures["remote answer"].append(BAD)
    await scene.says(ProvisionalAnswer(sdp="early"), Answer(sdp="nonsense"))
    await scene.hears_error(ErrorCode.BAD_DESCRIPTION)
    with pytest.raises(NegotiationError, match="no final answer"):
        await scene.running
