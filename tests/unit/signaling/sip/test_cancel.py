"""CANCEL of a SIP INVITE and what it races with; BYE in an early dialog; BYEs that cross."""

from __future__ import annotations

from signaling.sip.session_events import CallEnded, EndCause
from signaling.sip.session_state import SessionState
from signaling.sip.user_agent import IncomingCall, Told
from tests.support.sip.agent_end import AgentEnd, Pair, answering
from tests.support.sip.messages import a_request


def ringing(_end: AgentEnd, told: Told) -> None:
    if isinstance(told.event, IncomingCall):
        told.event.session.progress(180)


def test_cancel_ends_a_ringing_call_with_487() -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=ringing))
    invite = pair.call()
    pair.run()
    invite.cancel()
    pair.run()
    assert pair.link.first_lines(0) == ["INVITE", "CANCEL", "ACK"]
    assert pair.link.first_lines(1) == ["180", "200", "487"]
    assert pair.called.events(CallEnded)[0].cause is EndCause.CANCELLED
    assert [event.cause for event in pair.caller.events(CallEnded, invite)] == [EndCause.LOCAL]
    pair.run(70)
    assert pair.kept == {}


def test_cancel_before_any_response_waits_for_one() -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=ringing))
    invite = pair.call()
    invite.cancel()
    pair.flush()
    assert pair.link.first_lines(0) == ["INVITE"]
    pair.run()
    assert pair.link.first_lines(0) == ["INVITE", "CANCEL", "ACK"]
    pair.run(70)
    assert pair.kept == {}


def test_cancel_of_an_invite_that_nobody_gets_ends_with_its_transaction() -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob"), path=lambda _: ())
    invite = pair.call()
    invite.cancel()
    pair.run(33)
    assert len(pair.caller.events(CallEnded, invite)) == 1
    assert pair.kept == {}


def test_cancel_that_a_success_has_overtaken_is_answered_and_changes_nothing() -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=ringing))
    invite = pair.call()
    pair.run()
    invite.cancel()
    pair.called.session.accept("answer")
    pair.run()
    # The 2xx crosses the CANCEL: the caller takes it back by BYE.
    assert pair.link.first_lines(0) == ["INVITE", "CANCEL", "ACK", "BYE"]
    assert pair.link.first_lines(1) == ["180", "200", "200", "200"]
    assert pair.called.events(CallEnded)[0].cause is EndCause.REMOTE
    pair.run(70)
    assert pair.kept == {}


def test_cancel_that_crosses_a_refusal_changes_nothing() -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=ringing))
    invite = pair.call()
    pair.run()
    invite.cancel()
    pair.called.session.reject(486)
    pair.run(70)
    assert len(pair.called.events(CallEnded)) == len(pair.caller.events(CallEnded, invite)) == 1
    assert pair.kept == {}


def test_cancelled_invite_without_487_ends_after_32_seconds() -> None:
    def path(message: object) -> tuple[float, ...]:
        return () if getattr(message, "code", 0) == 487 else (0.02,)

    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=ringing), path=path)
    invite = pair.call()
    pair.run()
    invite.cancel()
    pair.run(70)
    assert pair.kept == {}


def test_cancel_for_nothing_is_answered_481() -> None:
    bob = AgentEnd("bob")
    (response,) = bob.receive(a_request("CANCEL", branch="z9hG4bK1"), 0.0)
    assert response.headers["CSeq"] == "1 CANCEL"
    assert getattr(response, "code", 0) == 481


def test_reason_of_a_cancel_is_told() -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=ringing))
    invite = pair.call()
    pair.run()
    invite.cancel()
    for message in pair.caller.flush():
        message.headers.set("Reason", 'SIP;cause=200;text="Call completed elsewhere"')
        pair.link.send(0, [message])
    pair.run()
    assert pair.called.events(CallEnded)[0].reason == "Call completed elsewhere"


def test_bye_in_an_early_dialog_ends_it_and_refuses_its_invite() -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=ringing))
    invite = pair.call()
    pair.run()
    pair.caller.session.hang_up()
    pair.run()
    assert pair.link.first_lines(0) == ["INVITE", "BYE", "ACK"]
    assert sorted(pair.link.first_lines(1)) == ["180", "200", "487"]
    assert pair.called.events(CallEnded)[0].cause is EndCause.REMOTE
    assert pair.caller.events(CallEnded, invite)[0].status == 487
    pair.run(70)
    assert pair.kept == {}


def test_byes_that_cross_end_the_call_once_at_each_end() -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=answering()))
    pair.call()
    pair.run()
    pair.caller.session.hang_up()
    pair.called.session.hang_up()
    pair.run()
    assert len(pair.caller.events(CallEnded)) == len(pair.called.events(CallEnded)) == 1
    pair.run(70)
    assert pair.kept == {}


def test_bye_that_nobody_answers_leaves_nothing() -> None:
    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=answering()))
    pair.call()
    pair.run()
    pair.link.path = lambda _: ()
    pair.caller.session.hang_up()
    pair.run(33)
    assert pair.caller.session.state is SessionState.ENDED
    assert pair.caller.agent.kept["dialogs"] == 0


def test_bye_after_a_cancelled_early_dialog_has_a_number_that_no_prack_has_had() -> None:
    def early(_end: AgentEnd, told: Told) -> None:
        if isinstance(told.event, IncomingCall):
            told.event.session.progress(183, sdp="early answer")

    pair = Pair(AgentEnd("ann"), AgentEnd("bob", react=early))
    invite = pair.call()
    pair.run()
    invite.cancel()
    pair.called.session.accept()
    pair.run()
    assert pair.link.first_lines(0) == ["INVITE", "PRACK", "CANCEL", "ACK", "BYE"]
    assert pair.called.events(CallEnded)[0].cause is EndCause.REMOTE
