"""What the negotiator does when things go wrong, on a stand-in that goes wrong on request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer.errors import (
    CandidateError,
    IceError,
    InvalidStateError,
    SdpSyntaxError,
    StaleCandidateError,
)
from peer.events import IceCandidateEvent
from peer.ice import IceCandidate
from peer.states import IceConnectionState, SignalingState
from signaling import (
    Answer,
    Candidate,
    ChannelLost,
    Error,
    ErrorCode,
    NegotiationError,
    Negotiator,
    Offer,
    channel_pair,
)
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.negotiation.stand_in import Scene, StandIn, turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from signaling import PeerMessage

BAD = SdpSyntaxError("a line is malformed", line="x", line_number=1)


@pytest.fixture
async def polite() -> AsyncIterator[Scene]:
    async for scene in _scene(polite=True):
        yield scene


@pytest.fixture
async def impolite() -> AsyncIterator[Scene]:
    async for scene in _scene(polite=False):
        yield scene


async def _scene(*, polite: bool) -> AsyncIterator[Scene]:
    scene = Scene(polite=polite)
    # The negotiator has looked at the state once before the test begins.
    await asyncio.sleep(0)
    yield scene
    scene.running.cancel()
    await asyncio.wait((scene.running,))
    assert not any(scene.pc.listeners.values())


async def test_an_offer_is_made_when_it_is_needed(polite: Scene) -> None:
    polite.pc.emit("negotiationneeded")
    assert await polite.hears() == Offer(sdp="ours 1")


async def test_an_offer_is_answered(polite: Scene) -> None:
    await polite.says(Offer(sdp="theirs"))
    assert await polite.hears() == Answer(sdp="ours 2")
    assert polite.pc.applied == ["remote offer", "local"]


async def test_candidates_follow_the_description_that_they_belong_to(polite: Scene) -> None:
    polite.pc.candidates_before_return = [IceCandidate(candidate="c", sdpMid="0")]
    await polite.is_offering()
    assert await polite.hears() == Candidate(candidate="c", sdpMid="0")


async def test_the_end_of_candidates_is_sent(polite: Scene) -> None:
    polite.pc.emit("icecandidate", IceCandidateEvent(None))
    assert await polite.hears() == Candidate()


async def test_one_operation_runs_at_a_time(polite: Scene) -> None:
    polite.pc.may_go_on.clear()
    await polite.says(Offer(sdp="1"), Candidate(candidate="c"), Offer(sdp="2"))
    await polite.pc.started.wait()
    polite.pc.emit("negotiationneeded")
    # A second operation could begin now, which the stand-in would not let pass.
    await turns()
    polite.pc.may_go_on.set()
    kinds = [type(await polite.hears()) for _ in range(3)]
    assert kinds.count(Answer) == 2
    assert kinds.count(Offer) == 1


async def test_no_offer_is_made_in_the_middle_of_an_exchange(polite: Scene) -> None:
    polite.pc.signalingState = SignalingState.HAVE_REMOTE_OFFER
    polite.pc.emit("negotiationneeded")
    await polite.says(Candidate())
    await polite.peer.close()
    await polite.running
    assert polite.pc.applied in ([], ["candidate"])


async def test_the_polite_peer_gives_way(polite: Scene) -> None:
    await polite.is_offering()
    await polite.says(Offer(sdp="theirs"))
    await polite.hears(Answer)
    assert polite.pc.signalingState is SignalingState.STABLE


async def test_the_impolite_peer_ignores_an_offer_that_crosses_its_own(impolite: Scene) -> None:
    await impolite.is_offering()
    await impolite.says(Offer(sdp="theirs"), Answer(sdp="to ours"), Offer(sdp="again"))
    await impolite.hears(Answer)
    assert impolite.pc.applied == ["local", "remote answer", "remote offer", "local"]


async def test_candidates_of_an_ignored_offer_are_no_error(impolite: Scene) -> None:
    impolite.pc.failures["candidate"] += [
        InvalidStateError("no remote description"),
        CandidateError("no such m-section"),
    ]
    await impolite.is_offering()
    await impolite.says(Offer(sdp="x"), Candidate(candidate="a"), Candidate(candidate="b"))
    await impolite.says(Answer(sdp="to ours"), Offer(sdp="next"))
    await impolite.hears(Answer)
    assert impolite.errors == []


async def test_once_the_ignored_offer_is_over_candidates_count_again(impolite: Scene) -> None:
    await impolite.is_offering()
    await impolite.says(Offer(sdp="x"), Answer(sdp="to ours"))
    impolite.pc.failures["candidate"].append(CandidateError("no such m-section"))
    await impolite.says(Candidate(candidate="a"))
    await impolite.hears_error(ErrorCode.BAD_CANDIDATE)


@pytest.mark.parametrize("error", [CandidateError("bad"), InvalidStateError("too early")])
async def test_a_bad_candidate_is_named_to_the_peer(polite: Scene, error: Exception) -> None:
    polite.pc.failures["candidate"].append(error)
    await polite.says(Candidate(candidate="nonsense"), Offer(sdp="v"))
    await polite.hears_error(ErrorCode.BAD_CANDIDATE)
    await polite.hears(Answer)
    assert polite.errors == [error]


async def test_a_candidate_that_an_ice_restart_overtook_is_no_error(polite: Scene) -> None:
    polite.pc.failures["candidate"].append(StaleCandidateError("of the ICE generation before"))
    await polite.says(Candidate(candidate="late"), Offer(sdp="v"))
    await polite.hears(Answer)
    assert polite.errors == []


async def test_a_bad_offer_is_named_to_the_peer(polite: Scene) -> None:
    polite.pc.failures["remote offer"].append(BAD)
    await polite.says(Offer(sdp="nonsense"), Offer(sdp="good"))
    await polite.hears_error(ErrorCode.BAD_DESCRIPTION)
    await polite.hears(Answer)
    assert polite.errors == [BAD]


async def test_an_offer_that_cannot_be_answered_is_taken_back(polite: Scene) -> None:
    polite.pc.failures["local"].append(BAD)
    await polite.says(Offer(sdp="v"))
    await polite.hears_error(ErrorCode.BAD_DESCRIPTION)
    assert polite.pc.applied == ["remote offer", "remote rollback"]
    assert polite.pc.signalingState is SignalingState.STABLE


async def test_after_a_bad_crossing_offer_the_polite_peer_offers_again(polite: Scene) -> None:
    await polite.is_offering()
    polite.pc.failures["remote offer"].append(BAD)
    await polite.says(Offer(sdp="nonsense"))
    await polite.hears_error(ErrorCode.BAD_DESCRIPTION)
    await polite.hears(Offer)
    assert polite.pc.applied == ["local", "local rollback", "local"]


async def test_a_bad_answer_takes_the_offer_back_and_makes_another(polite: Scene) -> None:
    await polite.is_offering()
    polite.pc.failures["remote answer"].append(BAD)
    await polite.says(Answer(sdp="nonsense"))
    await polite.hears_error(ErrorCode.BAD_DESCRIPTION)
    await polite.hears(Offer)


async def test_an_answer_to_no_offer_is_named_and_changes_nothing(polite: Scene) -> None:
    await polite.says(Answer(sdp="v"))
    await polite.hears_error(ErrorCode.UNEXPECTED)
    assert polite.pc.applied == []
    assert "no offer is open" in str(polite.errors[0])


async def test_an_offer_that_the_peer_refuses_is_taken_back(impolite: Scene) -> None:
    await impolite.is_offering()
    await impolite.says(Error(code=ErrorCode.BAD_DESCRIPTION, reason="line 7"))
    await impolite.hears(Offer)
    assert impolite.pc.applied == ["local", "local rollback", "local"]
    assert "line 7" in str(impolite.errors[0])


@pytest.mark.parametrize("code", [ErrorCode.BAD_CANDIDATE, ErrorCode.UNEXPECTED])
async def test_other_complaints_of_the_peer_are_told_and_change_nothing(
    polite: Scene, code: ErrorCode
) -> None:
    await polite.is_offering()
    await polite.says(Error(code=code, reason="why"), Answer(sdp="v"), Offer(sdp="v"))
    await polite.hears(Answer)
    assert polite.pc.applied == ["local", "remote answer", "remote offer", "local"]
    assert [type(error) for error in polite.errors] == [NegotiationError]


async def test_two_peers_that_cannot_agree_end_with_a_named_error(impolite: Scene) -> None:
    impolite.pc.emit("negotiationneeded")
    for _ in range(3):
        await impolite.hears(Offer)
        await impolite.says(Error(code=ErrorCode.BAD_DESCRIPTION, reason="never"))
    with pytest.raises(NegotiationError, match="3 descriptions in a row were refused: never"):
        await impolite.running


async def test_the_peer_hears_of_the_last_refusal_too() -> None:
    pc = StandIn()
    pc.failures["remote offer"] += [BAD, BAD, BAD]
    # So narrow a channel that refusals wait to be sent when the negotiation is over.
    ours, peer = channel_pair(capacity=1)
    running = asyncio.create_task(Negotiator(pc, ours, polite=True).run())
    for _ in range(3):
        await peer.send(Offer(sdp="nonsense"))
    await turns()
    refused = [await peer.receive() for _ in range(3)]
    assert [type(message) for message in refused] == [Error, Error, Error]
    with pytest.raises(NegotiationError):
        await running


async def test_an_agreement_starts_the_count_of_refusals_anew(polite: Scene) -> None:
    for _ in range(2):
        polite.pc.failures["remote offer"] += [BAD, BAD]
        await polite.says(*[Offer(sdp="v")] * 3)
        for kind in (Error, Error, Answer):
            await polite.hears(kind)
    assert not polite.running.done()


async def test_a_fault_of_this_end_ends_the_negotiation(polite: Scene) -> None:
    polite.pc.failures["local"].append(IceError("no socket could be bound"))
    polite.pc.emit("negotiationneeded")
    with pytest.raises(IceError):
        await polite.running


@in_virtual_time
async def test_restart_waits_for_a_network_where_there_is_none() -> None:
    scene = Scene(polite=False)
    scene.pc.iceConnectionState = IceConnectionState.FAILED
    scene.pc.failures["local"] += [IceError("no socket could be bound")] * 10
    scene.pc.restartIce()
    began = asyncio.get_running_loop().time()
    await scene.hears(Offer)
    assert 15 <= asyncio.get_running_loop().time() - began <= 25
    scene.running.cancel()


@in_virtual_time
async def test_network_that_does_not_come_back_in_two_minutes_ends_the_negotiation() -> None:
    scene = Scene(polite=False)
    scene.pc.iceConnectionState = IceConnectionState.FAILED
    scene.pc.failures["local"] += [IceError("no socket could be bound")] * 1000
    scene.pc.restartIce()
    began = asyncio.get_running_loop().time()
    with pytest.raises(IceError):
        await scene.running
    assert 115 <= asyncio.get_running_loop().time() - began <= 125


async def test_the_peer_closing_the_channel_ends_it(polite: Scene) -> None:
    await polite.peer.close()
    await polite.running


async def test_this_end_closing_the_channel_ends_it(polite: Scene) -> None:
    await polite.ours.close()
    await polite.running


@pytest.mark.parametrize("during", ["local", "remote offer", "candidate"])
async def test_closing_the_connection_in_an_operation_ends_it(polite: Scene, during: str) -> None:
    polite.pc.may_go_on.clear()
    match during:
        case "local":
            polite.pc.emit("negotiationneeded")
        case "remote offer":
            await polite.says(Offer(sdp="v"))
        case _:
            await polite.says(Candidate(candidate="c"))
    polite.pc.close()
    polite.pc.may_go_on.set()
    await polite.running


async def test_a_connection_that_is_closed_already_is_not_waited_for() -> None:
    pc = StandIn()
    pc.close()
    ours, _ = channel_pair()
    await Negotiator(pc, ours, polite=True).run()


async def test_a_lost_channel_is_raised() -> None:
    class Broken(type(channel_pair()[0])):  # type: ignore[misc] # a class made for one test
        async def receive(self) -> PeerMessage:
            raise ChannelLost("the network is gone")

    ours, _ = channel_pair()
    ours.__class__ = Broken
    with pytest.raises(ChannelLost, match="gone"):
        await Negotiator(StandIn(), ours, polite=True).run()


async def test_a_channel_that_takes_nothing_is_given_up() -> None:
    pc = StandIn()
    ours, _ = channel_pair(capacity=1)
    running = asyncio.create_task(Negotiator(pc, ours, polite=True).run())
    for _ in range(1100):
        pc.emit("icecandidate", IceCandidateEvent(None))
    with pytest.raises(NegotiationError, match="takes none"):
        await running


async def test_a_cancelled_run_leaves_no_tasks(polite: Scene) -> None:
    await polite.is_offering()
    polite.running.cancel()
    await asyncio.wait((polite.running,))
    assert polite.running.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
