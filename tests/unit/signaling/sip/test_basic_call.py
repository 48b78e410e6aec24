"""A SIP call between two user agents: INVITE, 180, 200, ACK and BYE over UDP and TCP."""

from __future__ import annotations

import pytest
from sipmessage import Request

from signaling.sip.session_events import (
    Accepted,
    AnswerReceived,
    CallEnded,
    EndCause,
    Progressed,
)
from tests.support.sip.agent_end import AgentEnd, Pair, answering


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_sip_call_is_accepted_and_hung_up_by_its_caller(transport: str) -> None:
    pair = Pair(
        AgentEnd("ann", transport=transport),
        AgentEnd("bob", transport=transport, react=answering()),
    )
    pair.call()
    pair.run()
    assert pair.caller.names() == ["Forked", "Progressed", "Accepted", "AnswerReceived"]
    assert pair.caller.events(Progressed)[0].status == 180
    assert pair.caller.events(AnswerReceived) == [AnswerReceived("answer")]
    assert pair.called.names() == ["IncomingCall", "Accepted"]
    pair.caller.session.hang_up()
    pair.run()
    assert pair.link.first_lines(0) == ["INVITE", "ACK", "BYE"]
    assert pair.link.first_lines(1) == ["180", "200", "200"]
    assert [event.cause for event in pair.caller.events(CallEnded)] == [EndCause.LOCAL]
    assert [event.cause for event in pair.called.events(CallEnded)] == [EndCause.REMOTE]
    pair.run(70)
    assert pair.kept == {}


def test_sip_call_is_hung_up_by_the_called_end_after_its_ack_has_come() -> None:
    def react(end: AgentEnd, told: object) -> None:
        answering()(end, told)  # type: ignore[arg-type] # it is what came
        if end.names() == ["IncomingCall"]:
            end.session.hang_up()

    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=react))
    pair.call()
    pair.run()
    # RFC 3261 section 15: no BYE before the ACK.
    requests = [message.method for _, _, message in pair.link.sent if isinstance(message, Request)]
    assert requests == ["INVITE", "ACK", "BYE"]
    assert pair.caller.events(CallEnded)[0].cause is EndCause.REMOTE
    pair.run(70)
    assert pair.kept == {}


def test_refused_sip_call_ends_with_its_status_and_reason() -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=lambda end, _: end.session.reject(486)))
    pair.called.react = lambda end, told: (
        end.session.reject(486, Retry_After="30") if not end.events(CallEnded) else None
    )
    invite = pair.call()
    pair.run()
    (ended,) = pair.caller.events(CallEnded, invite)
    assert (ended.cause, ended.status, ended.reason) == (EndCause.REFUSED, 486, "Busy Here")
    assert ended.response is not None
    assert ended.response.headers["Retry-After"] == "30"
    assert pair.link.first_lines(0) == ["INVITE", "ACK"]
    pair.run(70)
    assert pair.kept == {}


def test_unanswered_sip_call_ends_with_408() -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob"), path=lambda _: ())
    invite = pair.call()
    pair.run(33)
    (ended,) = pair.caller.events(CallEnded, invite)
    assert (ended.cause, ended.status) == (EndCause.REFUSED, 408)
    assert pair.kept == {}


def test_sip_call_that_nobody_picks_up_is_cancelled_after_the_ring_timeout() -> None:
    def react(end: AgentEnd, _told: object) -> None:
        if end.names() == ["IncomingCall"]:
            end.session.progress(180)

    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=react))
    invite = pair.call()
    pair.run(179)
    # Again each minute, so that no proxy gives up (RFC 3261 section 13.3.1.1).
    assert pair.link.first_lines(1) == ["180", "180", "180"]
    pair.run(2)
    assert pair.link.first_lines(0) == ["INVITE", "CANCEL", "ACK"]
    assert pair.link.first_lines(1)[3:] == ["200", "487"]
    assert pair.caller.events(CallEnded, invite)[0].cause is EndCause.TIMED_OUT
    assert pair.called.events(CallEnded)[0].cause is EndCause.CANCELLED
    pair.run(70)
    assert pair.kept == {}


def test_success_is_repeated_until_the_ack_comes_and_the_ack_for_each() -> None:
    lost = iter([True, True, False])

    def path(message: object) -> tuple[float, ...]:
        return () if getattr(message, "method", "") == "ACK" and next(lost, False) else (0.02,)

    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=answering(ring=False)), path=path)
    pair.call()
    pair.run(5)
    assert pair.link.first_lines(1) == ["200", "200", "200"]
    assert pair.link.first_lines(0) == ["INVITE", "ACK", "ACK", "ACK"]
    acks = [bytes(message) for _, _, message in pair.link.sent if message.cseq.method == "ACK"]
    assert acks[0] == acks[1] == acks[2]
    assert len(pair.caller.events(Accepted)) == len(pair.called.events(Accepted)) == 1


def test_call_whose_ack_never_comes_ends_with_bye_after_32_seconds() -> None:
    def path(message: object) -> tuple[float, ...]:
        return () if getattr(message, "method", "") == "ACK" else (0.02,)

    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=answering()), path=path)
    pair.call()
    pair.run(40)
    assert pair.called.events(CallEnded)[0].cause is EndCause.TIMED_OUT
    assert pair.caller.events(CallEnded)[0].cause is EndCause.REMOTE
    pair.run(70)
    assert pair.kept == {}
