"""Offers within a SIP call: re-INVITE, UPDATE, glare, refusals, delayed and cancelled ones."""

from __future__ import annotations

import pytest
from sipmessage import Request, Response

from signaling.sip.agent_port import SDP, OwnRequest
from signaling.sip.errors import SipUsageError
from signaling.sip.replies import reply_to
from signaling.sip.session_events import (
    AnswerReceived,
    CallEnded,
    EndCause,
    OfferPossible,
    OfferReceived,
    OfferRefused,
    OfferWanted,
    OfferWithdrawn,
)
from signaling.sip.session_state import SessionState
from signaling.sip.transactions.keys import server_key
from signaling.sip.user_agent import IncomingCall, Told
from tests.support.sip.agent_end import AgentEnd, Pair, Reaction, answering


def connected(*, caller: Reaction | None = None, called: Reaction | None = None) -> Pair:
    """Two ends whose call is confirmed; only then do they react to events as given."""
    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=answering()))
    pair.call()
    pair.run()
    assert pair.caller.session.state is pair.called.session.state is SessionState.CONFIRMED
    for end, react in ((pair.caller, caller), (pair.called, called)):
        end.told.clear()
        end.react = react or (lambda _end, _told: None)
    pair.link.sent.clear()
    return pair


def answers(end: AgentEnd, told: Told) -> None:
    if isinstance(told.event, OfferReceived):
        end.session.answer(f"answer to {told.event.sdp}")
    elif isinstance(told.event, OfferWanted):
        end.session.offer("wanted offer")


def refuses(end: AgentEnd, told: Told) -> None:
    if isinstance(told.event, OfferReceived):
        end.session.refuse(488)


def test_reinvite_of_either_end_is_answered() -> None:
    pair = connected(caller=answers, called=answers)
    for offerer in (pair.caller, pair.called):
        offerer.session.offer("again")
        pair.run()
        assert offerer.events(AnswerReceived) == [AnswerReceived("answer to again")]
        assert offerer.session.can_offer
    assert pair.link.first_lines(0) == ["INVITE", "ACK", "200"]
    assert pair.link.first_lines(1) == ["200", "INVITE", "ACK"]


def test_reinvite_without_an_offer_gets_one_and_is_answered_in_its_ack() -> None:
    pair = connected(caller=answers, called=answers)
    dialog, offers = pair.caller.session.dialog, []

    def on_response(own: OwnRequest, response: Response) -> None:
        if response.code == 200:
            offers.append(response.body)
            ack = dialog.ack(own.request, body=b"late answer", content_type=SDP)
            pair.caller.agent.send_ack(ack)

    pair.caller.agent.send_request(dialog.request("INVITE"), on_response)
    pair.run()
    assert offers == [b"wanted offer"]
    assert pair.called.events(AnswerReceived) == [AnswerReceived("late answer")]
    assert pair.called.session.can_offer


def test_refused_reinvite_leaves_the_call_as_it_was() -> None:
    pair = connected(called=refuses)
    pair.caller.session.offer("too much")
    pair.run()
    (refused,) = pair.caller.events(OfferRefused)
    assert (refused.status, refused.comes_again) == (488, False)
    assert pair.caller.session.can_offer
    assert pair.caller.events(CallEnded) == []
    pair.called.react = answers
    pair.caller.session.offer("less")
    pair.run()
    assert pair.caller.events(AnswerReceived) == [AnswerReceived("answer to less")]


def test_offers_that_cross_are_both_refused_with_491_and_tried_again_after_different_waits() -> (
    None
):
    times: dict[str, float] = {}

    def react(end: AgentEnd, told: Told) -> None:
        answers(end, told)
        if isinstance(told.event, OfferPossible):
            times[str(end.uri.user)] = end.now
            if end.session.can_offer:
                end.session.offer(f"again by {end.uri.user}")

    pair = connected(caller=react, called=react)
    begun = pair.link.now
    pair.caller.session.offer("one")
    pair.called.session.offer("other")
    pair.run(10)
    for end in (pair.caller, pair.called):
        assert [refused.status for refused in end.events(OfferRefused)] == [491]
        assert len(end.events(AnswerReceived)) == 1
    # RFC 3261 section 14.1: the caller owns the Call-ID.
    assert 2.1 <= times["ann"] - begun <= 4.1
    assert 0 <= times["bob"] - begun <= 2.1


def test_second_reinvite_before_the_first_is_answered_gets_500_with_retry_after() -> None:
    pair = connected()
    pair.caller.session.offer("one")
    pair.run(0.1)
    second = pair.caller.session.dialog.request("INVITE", body=b"two", content_type=SDP)
    got: list[Response] = []
    pair.caller.agent.send_request(second, lambda _own, response: got.append(response))
    pair.run(0.1)
    assert [response.code for response in got] == [500]
    assert 0 <= int(got[0].headers["Retry-After"]) <= 10


@pytest.mark.parametrize("code", [408, 481])
def test_reinvite_that_the_other_end_does_not_know_ends_the_call(code: int) -> None:
    pair = connected()
    pair.called.agent.forget(pair.called.session)
    if code == 408:
        pair.link.path = lambda _: ()
    pair.caller.session.offer("one")
    pair.run(40)
    (ended,) = pair.caller.events(CallEnded)
    assert (ended.cause, ended.status) == (EndCause.FAILED, code)


def test_reinvite_that_nobody_answers_is_withdrawn_and_refused() -> None:
    pair = connected()
    pair.caller.session.offer("one")
    pair.run(40)
    assert pair.called.events(OfferWithdrawn) == [OfferWithdrawn()]
    assert pair.caller.events(OfferRefused)[0].status == 480
    assert pair.caller.session.can_offer
    assert pair.called.session.can_offer


def test_cancelled_reinvite_withdraws_its_offer_and_keeps_the_call() -> None:
    pair = connected()
    request = pair.caller.session.dialog.request("INVITE", body=b"o", content_type=SDP)
    codes: list[int] = []
    own = pair.caller.agent.send_request(request, lambda _own, got: codes.append(got.code))
    pair.run(0.5)
    pair.caller.agent.cancel(own)
    pair.run()
    assert pair.called.events(OfferWithdrawn) == [OfferWithdrawn()]
    assert codes == [487]
    assert pair.caller.session.state is SessionState.CONFIRMED
    assert pair.called.session.can_offer


def test_offer_while_one_is_open_is_an_error_that_sends_nothing() -> None:
    pair = connected()
    pair.caller.session.offer("one")
    pair.flush()
    sent = len(pair.link.sent)
    with pytest.raises(SipUsageError, match="an exchange is open"):
        pair.caller.session.offer("two")
    pair.flush()
    assert len(pair.link.sent) == sent


def test_answer_without_an_offer_is_an_error() -> None:
    pair = connected()
    with pytest.raises(SipUsageError, match="there is no offer to answer"):
        pair.caller.session.answer("answer")
    with pytest.raises(SipUsageError, match="there is no offer to refuse"):
        pair.caller.session.refuse()


def test_update_in_an_early_dialog_changes_the_description() -> None:
    def early(end: AgentEnd, told: Told) -> None:
        answers(end, told)
        if isinstance(told.event, IncomingCall):
            told.event.session.progress(183, sdp="early answer")

    pair = Pair(AgentEnd("ann", react=answers), AgentEnd("bob", react=early))
    pair.call()
    pair.run()
    pair.called.session.offer("hold the line")
    pair.run()
    assert pair.called.events(AnswerReceived) == [AnswerReceived("answer to hold the line")]
    pair.caller.session.offer("again")
    pair.run()
    assert pair.caller.events(AnswerReceived)[-1] == AnswerReceived("answer to again")
    pair.called.session.accept()
    pair.run()
    assert pair.called.session.state is SessionState.CONFIRMED
    assert "UPDATE" in pair.link.first_lines(0)


def test_early_offer_before_the_first_is_answered_is_an_error() -> None:
    pair = Pair(
        AgentEnd("ann"),
        AgentEnd("bob", react=lambda end, told: end.session.progress(180)),
    )
    pair.call()
    pair.run()
    with pytest.raises(SipUsageError):
        pair.caller.session.offer("early")


def test_update_that_crosses_a_reinvite_is_refused_with_491() -> None:
    pair = connected()
    pair.caller.session.offer("one")
    pair.flush()
    update = pair.called.session.dialog.request("UPDATE", body=b"two", content_type=SDP)
    codes: list[int] = []
    pair.called.agent.send_request(update, lambda _own, response: codes.append(response.code))
    pair.run(0.1)
    assert codes == [491]


def test_update_that_nobody_answers_is_withdrawn() -> None:
    pair = connected()
    update = pair.caller.session.dialog.request("UPDATE", body=b"two", content_type=SDP)
    pair.caller.agent.send_request(update, lambda _own, _response: None)
    pair.run(40)
    assert pair.called.events(OfferReceived)
    assert pair.called.events(OfferWithdrawn) == [OfferWithdrawn()]
    assert pair.called.session.can_offer


def test_success_without_the_answer_that_it_owes_ends_the_call() -> None:
    pair = connected()
    pair.caller.session.offer("one")
    pair.run(0.1)
    invite = pair.link.sent[0][2]
    assert isinstance(invite, Request)
    pair.called.agent.respond(server_key(invite), reply_to(invite, 200))
    pair.run()
    assert pair.caller.events(CallEnded)[0].cause is EndCause.FAILED
    assert "BYE" in pair.link.first_lines(0)


@pytest.mark.parametrize("accepted", [True, False])
def test_response_to_an_update_after_the_end_of_the_call_changes_nothing(accepted: bool) -> None:
    def early(end: AgentEnd, told: Told) -> None:
        if isinstance(told.event, IncomingCall):
            told.event.session.progress(183, sdp="early answer")
        elif isinstance(told.event, OfferReceived):
            if accepted:
                end.session.answer("answer")
            else:
                end.session.refuse(500)

    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=early))
    pair.call()
    pair.run()
    pair.caller.session.offer("again")
    pair.caller.session.hang_up()
    pair.run()
    assert pair.link.first_lines(0)[-3:] == ["UPDATE", "BYE", "ACK"]
    assert pair.caller.names()[-2:] == ["CallEnded", "CallEnded"]
    pair.run(100)
    assert pair.kept == {}


def test_reinvite_that_gets_a_100_and_nothing_more_is_cancelled_and_refused() -> None:
    pair = connected()
    pair.link.path = lambda message: () if getattr(message, "code", 0) > 100 else (0.02,)
    pair.caller.session.offer("one")
    pair.run(179)
    assert "CANCEL" not in pair.link.first_lines(0)
    pair.run(40)
    assert "CANCEL" in pair.link.first_lines(0)
    # RFC 3261 section 12.2.1.2: as after a 408 of the other end.
    assert pair.caller.events(CallEnded)[0].status == 408
    pair.run(100)
    assert pair.caller.agent.kept["transactions"] == 0
