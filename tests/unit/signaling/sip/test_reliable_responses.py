"""Reliable provisional responses of SIP (RFC 3262): PRACK, order, repetition, offers in them."""

from __future__ import annotations

import pytest

from signaling.sip.agent_port import AgentSettings
from signaling.sip.errors import SipUsageError
from signaling.sip.reliable import MAX_WAITING
from signaling.sip.session_events import (
    Accepted,
    AnswerReceived,
    CallEnded,
    EndCause,
    OfferReceived,
    PreviewReceived,
    Progressed,
)
from signaling.sip.user_agent import IncomingCall, Told
from tests.support.sip.agent_end import AgentEnd, Pair
from tests.support.sip.virtual_link import Path, perfect


def losing(**counts: int) -> Path:
    left = {name.removeprefix("_"): count for name, count in counts.items()}

    def path(message: object) -> tuple[float, ...]:
        kind = getattr(message, "method", "") or str(getattr(message, "code", ""))
        left[kind] = left.get(kind, 0) - 1
        return () if left[kind] >= 0 else (0.02,)

    return path


def early(end: AgentEnd, told: Told) -> None:
    """Answer early, where the offer is."""
    if isinstance(told.event, IncomingCall):
        told.event.session.progress(183, sdp="early answer")


def test_reliable_183_carries_the_answer_and_the_200_carries_none() -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=early))
    pair.call()
    pair.run()
    assert pair.caller.events(AnswerReceived) == [AnswerReceived("early answer")]
    assert pair.link.first_lines(0) == ["INVITE", "PRACK"]
    pair.called.session.accept()
    pair.run()
    success = pair.link.sent[-2][2]
    assert success.body == b""
    assert pair.caller.names() == ["Forked", "Progressed", "AnswerReceived", "Accepted"]


def test_unreliable_183_carries_a_preview_that_the_200_repeats() -> None:
    pair = Pair(
        AgentEnd("ann"), AgentEnd("bob", react=early, settings=AgentSettings(is_reliable=False))
    )
    pair.call()
    pair.run()
    assert pair.caller.events(PreviewReceived) == [PreviewReceived("early answer")]
    assert pair.caller.events(AnswerReceived) == []
    pair.called.session.accept("early answer")
    pair.run()
    assert pair.caller.events(AnswerReceived) == [AnswerReceived("early answer")]
    assert pair.link.first_lines(0) == ["INVITE", "ACK"]


def test_success_without_a_description_takes_the_preview_for_the_answer() -> None:
    pair = Pair(
        AgentEnd("ann"), AgentEnd("bob", react=early, settings=AgentSettings(is_reliable=False))
    )
    pair.call()
    pair.run()
    pair.called.session.accept("early answer")
    for message in pair.called.flush():
        message.body = b""
        message.headers.remove("Content-Length")
        pair.link.send(1, [message])
    pair.run()
    assert pair.caller.events(AnswerReceived) == [AnswerReceived("early answer")]
    assert pair.caller.events(CallEnded) == []


@pytest.mark.parametrize(("path", "sent"), [(losing(_183=3), 4), (losing(PRACK=1), 1)])
def test_reliable_183_is_repeated_until_its_prack_comes(path: Path, sent: int) -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=early), path=path)
    pair.call()
    pair.run(10)
    times = [
        when for when, end, message in pair.link.sent if end and message.cseq.method == "INVITE"
    ]
    assert len(times) >= sent
    assert len(pair.caller.events(AnswerReceived)) == 1
    assert len(pair.caller.events(Progressed)) == 1
    assert pair.link.first_lines(1)[-1] == "200"
    pair.called.session.accept()
    pair.run()
    assert pair.called.events(Accepted)


def test_reliable_183_without_a_prack_refuses_the_invite_after_32_seconds() -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=early), path=losing(PRACK=100))
    invite = pair.call()
    pair.run(34)
    assert pair.called.events(CallEnded)[0].cause is EndCause.TIMED_OUT
    assert pair.caller.events(CallEnded, invite)[0].status == 504
    pair.run(70)
    assert pair.kept == {}


def test_success_waits_for_the_prack_of_a_description() -> None:
    def react(end: AgentEnd, told: Told) -> None:
        early(end, told)
        if isinstance(told.event, IncomingCall):
            told.event.session.accept()

    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=react), path=losing(PRACK=1))
    pair.call()
    pair.run(5)
    lines = pair.link.first_lines(1)
    # 183, perhaps again; the 200 to PRACK; and only then the 200 to INVITE.
    assert [line for line in lines if line != "183"] == ["200", "200"]
    success = [m for _, end, m in pair.link.sent if end and m.cseq.method == "PRACK"]
    assert len(success) == 1
    assert pair.called.events(Accepted)


def test_reliable_responses_go_out_one_after_the_other_and_in_order() -> None:
    def react(end: AgentEnd, told: Told) -> None:
        if isinstance(told.event, IncomingCall):
            for code in (180, 181, 182):
                told.event.session.progress(code, is_reliable=True)

    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=react), path=losing(_181=2))
    pair.call()
    pair.run(10)
    assert [event.status for event in pair.caller.events(Progressed)] == [180, 181, 182]
    numbers = [
        int(message.headers["RSeq"])
        for _, end, message in pair.link.sent
        if "RSeq" in str(message.headers)
    ]
    assert sorted(set(numbers)) == list(range(numbers[0], numbers[0] + 3))


def test_delayed_offer_in_a_reliable_183_is_answered_in_its_prack() -> None:
    def react(end: AgentEnd, told: Told) -> None:
        if isinstance(told.event, IncomingCall):
            assert told.event.sdp == ""
            assert told.event.session.is_offer_wanted
            told.event.session.progress(183, sdp="early offer")

    def answer(end: AgentEnd, told: Told) -> None:
        if isinstance(told.event, OfferReceived):
            assert told.event.sdp == "early offer"
            end.session.answer("late answer")

    pair = Pair(AgentEnd("ann", react=answer), AgentEnd("bob", react=react))
    pair.call(sdp="")
    pair.run()
    assert pair.called.events(AnswerReceived) == [AnswerReceived("late answer")]
    pair.called.session.accept()
    pair.run()
    assert pair.caller.names()[-1] == "Accepted"
    assert pair.link.first_lines(0) == ["INVITE", "PRACK", "ACK"]


def test_caller_without_100rel_gets_no_reliable_response() -> None:
    def react(end: AgentEnd, told: Told) -> None:
        if isinstance(told.event, IncomingCall):
            told.event.session.invite.headers.remove("Supported")
            with pytest.raises(SipUsageError, match="takes no reliable"):
                told.event.session.progress(183, sdp="early answer", is_reliable=True)
            told.event.session.progress(183, sdp="early answer")

    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=react), path=perfect)
    pair.call()
    pair.run()
    assert pair.caller.events(PreviewReceived)
    assert pair.link.first_lines(0) == ["INVITE"]


def test_prack_for_nothing_is_answered_481() -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=early))
    pair.call()
    pair.run()
    prack = pair.caller.session.dialog.request("PRACK")
    prack.headers.set("RAck", "7 1 INVITE")
    answers: list[int] = []
    pair.caller.agent.send_request(prack, lambda _own, response: answers.append(response.code))
    pair.run()
    assert answers == [481]


def test_reliable_responses_that_wait_are_bounded() -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob"), path=losing(PRACK=100))
    pair.call()
    pair.run()
    for _ in range(1 + MAX_WAITING):
        pair.called.session.progress(180, is_reliable=True)
    with pytest.raises(SipUsageError, match="wait for a PRACK"):
        pair.called.session.progress(180, is_reliable=True)
