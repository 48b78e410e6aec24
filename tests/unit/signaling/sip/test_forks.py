"""Forks of one SIP INVITE: several dialogs, one or all kept, a late 2xx gets ACK and BYE."""

from __future__ import annotations

from sipmessage import URI, Request

from signaling.sip.outgoing_invite import MAX_FORKS, Forked, OutgoingInvite
from signaling.sip.replies import reply_to
from signaling.sip.session_events import Accepted, CallEnded, EndCause, PreviewReceived
from signaling.sip.session_state import SessionState
from signaling.sip.user_agent import IncomingCall, Told
from tests.support.sip.agent_end import AgentEnd
from tests.support.sip.forking_proxy import ForkedCall


def ringing(end: AgentEnd, told: Told) -> None:
    if isinstance(told.event, IncomingCall):
        told.event.session.progress(183, sdp=f"answer of {end.uri.user}", is_reliable=False)


class Forks(ForkedCall):
    """Ann calls; bob, carol and dave ring."""

    def __init__(self, *, keeps_all: bool = False) -> None:
        called = [AgentEnd(name, react=ringing) for name in ("bob", "carol", "dave")]
        super().__init__(AgentEnd("ann"), called)
        self.invite = self.ann.agent.invite(
            URI.parse("sip:all@example.org"), sdp="offer", keeps_all=keeps_all
        )
        self.run()

    def flush_called(self) -> None:
        self.link.send(1, self.proxy.flush())

    def methods(self) -> list[str]:
        """Requests of ann, and whom they are for."""
        return [
            f"{message.method} {message.uri.user}"
            for _, end, message in self.link.sent
            if end == 0 and isinstance(message, Request)
        ]

    def causes(self) -> list[EndCause]:
        return [event.cause for end in self.called for event in end.events(CallEnded)]

    def assert_nothing_is_kept(self) -> None:
        self.run(70)
        assert not any(self.ann.agent.kept.values())
        for end in self.called:
            assert not any(end.agent.kept.values())


def forks_of(ann: AgentEnd, invite: OutgoingInvite) -> list[Forked]:
    return ann.events(Forked, invite)


def test_each_answerer_of_a_sip_invite_has_a_session_of_its_own() -> None:
    forks = Forks()
    assert len(forks_of(forks.ann, forks.invite)) == 3
    previews = {event.sdp for event in forks.ann.events(PreviewReceived)}
    assert previews == {"answer of bob", "answer of carol", "answer of dave"}


def test_first_fork_that_accepts_is_kept_and_the_others_are_told_to_be_over() -> None:
    forks = Forks()
    forks.called[1].session.accept("answer of carol")
    forks.run()
    states = [fork.session.state for fork in forks_of(forks.ann, forks.invite)]
    assert states == [SessionState.ENDED, SessionState.CONFIRMED, SessionState.ENDED]
    assert [event.cause for event in forks.ann.events(CallEnded)] == [EndCause.OTHER_FORK] * 2
    assert forks.methods() == ["INVITE all", "ACK carol"]


def test_late_success_of_another_fork_gets_ack_and_bye() -> None:
    forks = Forks()
    forks.called[0].session.accept("answer of bob")
    forks.run()
    forks.called[2].session.accept("answer of dave")
    forks.run()
    assert forks.methods() == ["INVITE all", "ACK bob", "ACK dave", "BYE dave"]
    assert len(forks.ann.events(Accepted)) == 1
    forks.called[1].session.reject(486)
    forks_of(forks.ann, forks.invite)[0].session.hang_up()
    forks.assert_nothing_is_kept()


def test_two_successes_at_once_keep_the_first() -> None:
    forks = Forks()
    forks.called[0].session.accept("answer of bob")
    forks.called[1].session.accept("answer of carol")
    forks.run()
    assert forks.methods() == ["INVITE all", "ACK bob", "ACK carol", "BYE carol"]
    assert forks.called[0].session.state is SessionState.CONFIRMED


def test_all_forks_are_kept_where_that_is_asked_for() -> None:
    forks = Forks(keeps_all=True)
    for end in forks.called:
        end.session.accept(f"answer of {end.uri.user}")
        forks.run()
    assert len(forks.ann.events(Accepted)) == 3
    assert forks.causes() == []
    for fork in forks_of(forks.ann, forks.invite):
        fork.session.hang_up()
    forks.assert_nothing_is_kept()


def test_application_keeps_one_early_fork_and_the_others_get_bye() -> None:
    forks = Forks()
    carol = forks_of(forks.ann, forks.invite)[1].session
    forks.invite.keep(carol)
    forks.run()
    assert forks.methods() == ["INVITE all", "BYE bob", "BYE dave"]
    assert forks.causes() == [EndCause.REMOTE, EndCause.REMOTE]
    forks.called[1].session.accept("answer of carol")
    forks.run()
    assert carol.state is SessionState.CONFIRMED


def test_refused_invite_ends_every_early_fork() -> None:
    forks = Forks()
    for end in forks.called:
        end.session.reject(486)
    forks.run()
    assert [event.status for event in forks.ann.events(CallEnded)] == [486] * 4
    forks.assert_nothing_is_kept()


def test_cancelled_invite_ends_every_fork() -> None:
    forks = Forks()
    forks.invite.cancel()
    forks.run()
    assert forks.causes() == [EndCause.CANCELLED] * 3
    forks.assert_nothing_is_kept()


def test_success_that_crosses_a_cancel_gets_ack_and_bye() -> None:
    forks = Forks()
    forks.invite.cancel()
    forks.called[0].session.accept("answer of bob")
    forks.run()
    assert forks.methods() == ["INVITE all", "CANCEL all", "ACK bob", "BYE bob"]
    assert forks.ann.events(Accepted) == []
    assert sorted(cause.name for cause in forks.causes()) == ["CANCELLED", "CANCELLED", "REMOTE"]
    forks.assert_nothing_is_kept()


def test_early_fork_that_says_nothing_more_ends_with_the_transaction() -> None:
    forks = Forks(keeps_all=True)
    forks.called[0].session.accept("answer of bob")
    forks.run(40)
    assert [event.cause for event in forks.ann.events(CallEnded)] == [EndCause.OTHER_FORK] * 2


def test_two_of_three_forks_are_kept_and_a_late_third_gets_ack_and_bye() -> None:
    forks = Forks(keeps_all=True)
    bob, carol, dave = (fork.session for fork in forks_of(forks.ann, forks.invite))
    for end in forks.called[:2]:
        end.session.accept("answer")
    forks.run()
    forks.called[2].session.accept("answer of dave")
    forks.flush_called()
    forks.invite.keep(bob, carol)
    forks.run()
    assert [s.state for s in (bob, carol)] == [SessionState.CONFIRMED] * 2
    assert dave.is_over
    assert forks.causes() == [EndCause.REMOTE]
    for session in (bob, carol):
        session.hang_up()
    forks.assert_nothing_is_kept()


def test_cancel_after_an_answer_hangs_up_and_later_answers_get_bye() -> None:
    forks = Forks(keeps_all=True)
    forks.called[0].session.accept("answer of bob")
    forks.run()
    forks.invite.cancel()
    forks.called[1].session.accept("answer of carol")
    forks.run()
    assert forks.causes() == [EndCause.REMOTE] * 3
    forks.assert_nothing_is_kept()


def test_forks_of_one_invite_are_bounded() -> None:
    ann = AgentEnd("ann")
    invite = ann.agent.invite(URI.parse("sip:all@example.org"), sdp="offer")
    (request,) = ann.flush()
    assert isinstance(request, Request)
    for number in range(2 * MAX_FORKS):
        ann.receive(reply_to(request, 180, to_tag=f"fork{number}"), 0.1)
    assert len(invite.sessions) == len(forks_of(ann, invite)) == MAX_FORKS
    assert ann.agent.kept["dialogs"] == MAX_FORKS


def test_fork_that_accepts_while_our_bye_is_on_its_way_gets_ack_and_bye() -> None:
    forks = Forks(keeps_all=True)
    bob = forks_of(forks.ann, forks.invite)[0].session
    bob.hang_up()
    forks.called[0].session.accept("answer of bob")
    forks.run()
    assert len(forks_of(forks.ann, forks.invite)) == 3
    assert forks.ann.events(Accepted) == []
    assert forks.methods()[-2:] == ["ACK bob", "BYE bob"]
    assert forks.called[0].session.is_over
