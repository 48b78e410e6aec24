"""Session timers of SIP (RFC 4028): agreement, refreshes by UPDATE or re-INVITE, 422, expiry."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from signaling.sip.agent_port import AgentSettings
from signaling.sip.replies import reply_to
from signaling.sip.session_events import CallEnded, EndCause, RefreshWanted
from signaling.sip.session_timer import SessionTimerPolicy, agree, agreed, is_too_small
from tests.support.sip.agent_end import AgentEnd, Pair, answering
from tests.support.sip.messages import a_request

if TYPE_CHECKING:
    from sipmessage import Request, Response

    from signaling.sip.user_agent import Told


def settings(interval: int | None = 1800, *, min_se: int = 90) -> AgentSettings:
    return AgentSettings(session_timer=SessionTimerPolicy(interval=interval, min_se=min_se))


def connected(caller: AgentSettings, called: AgentSettings | None = None) -> Pair:
    pair = Pair(
        AgentEnd("ann", settings=caller),
        AgentEnd("bob", settings=called or caller, react=answering()),
    )
    pair.call()
    pair.run()
    pair.link.sent.clear()
    return pair


def invite(expires: str | None = None, *, supported: str = "timer") -> Request:
    request = a_request(branch="z9hG4bK1")
    request.headers.set("Supported", supported)
    if expires is not None:
        request.headers.set("Session-Expires", expires)
    return request


@pytest.mark.parametrize(
    ("expires", "supported", "header", "refreshes", "required"),
    [
        ("1200", "timer", "1200;refresher=uac", False, True),
        ("1200;refresher=uas", "timer", "1200;refresher=uas", True, True),
        ("3600", "timer", "1800;refresher=uac", False, True),
        (None, "timer", "1800;refresher=uac", False, True),
        # Without timers at the caller it is the called end that refreshes.
        (None, "100rel", "1800;refresher=uas", True, False),
        ("1200", "100rel", "1200;refresher=uas", True, False),
    ],
)
def test_called_end_decides_on_the_session_timer_by_rfc_4028_table_2(
    expires: str | None, supported: str, header: str, refreshes: bool, required: bool
) -> None:
    request = invite(expires, supported=supported)
    response = reply_to(request, 200)
    timer = agree(request, response, SessionTimerPolicy())
    assert response.headers["Session-Expires"] == header
    assert (response.headers.get("Require") == "timer") is required
    assert timer is not None
    assert timer.is_refresher is refreshes
    theirs = agreed(response)
    assert theirs is not None
    assert (theirs.interval, theirs.is_refresher) == (timer.interval, not refreshes)


def test_min_se_of_a_proxy_raises_the_interval_that_the_called_end_chooses() -> None:
    request = invite("3600")
    request.headers.set("Min-SE", "2400")
    response = reply_to(request, 200)
    agree(request, response, SessionTimerPolicy(interval=1800))
    assert response.headers["Session-Expires"].startswith("2400;")


def test_no_session_timer_where_neither_end_wants_one() -> None:
    request = invite()
    response = reply_to(request, 200)
    assert agree(request, response, SessionTimerPolicy(interval=None)) is None
    assert response.headers.get("Session-Expires") is None


def test_small_interval_is_refused_only_to_those_who_know_timers() -> None:
    policy = SessionTimerPolicy(min_se=300)
    assert is_too_small(invite("299"), policy)
    assert not is_too_small(invite("300"), policy)
    assert not is_too_small(invite("299", supported=""), policy)
    assert not is_too_small(invite("no number"), policy)


@pytest.mark.parametrize(("interval", "min_se"), [(89, 89), (100, 200), (90_000, 90)])
def test_session_timer_that_rfc_4028_forbids_is_refused(interval: int, min_se: int) -> None:
    with pytest.raises(ValueError, match="is "):
        SessionTimerPolicy(interval=interval, min_se=min_se)


def test_call_is_refreshed_by_update_at_half_of_its_interval() -> None:
    pair = connected(settings(200))
    pair.run(350)
    # The caller is the refresher.
    assert pair.link.first_lines(0) == ["UPDATE", "UPDATE", "UPDATE"]
    times = [when for when, end, _ in pair.link.sent if end == 0]
    assert [round(later - one) for one, later in itertools.pairwise(times)] == [100, 100]
    assert pair.caller.events(CallEnded) == []
    assert pair.called.events(CallEnded) == []


def test_call_whose_refresher_is_gone_ends_before_its_interval() -> None:
    pair = connected(settings(200))
    pair.link.path = lambda _: ()
    pair.run(190)
    (ended,) = pair.called.events(CallEnded)
    assert ended.cause is EndCause.TIMED_OUT
    byes = [when for when, end, m in pair.link.sent if end == 1 and m.cseq.method == "BYE"]
    assert 167 <= byes[0] <= 169
    assert pair.caller.events(CallEnded)[0].cause is EndCause.TIMED_OUT


def test_refresh_without_update_is_asked_of_the_application() -> None:
    offers: list[str] = []

    def react(end: AgentEnd, told: Told) -> None:
        if isinstance(told.event, RefreshWanted):
            offers.append("refresh")
            end.session.offer("refresh")

    def answer(end: AgentEnd, told: Told) -> None:
        answering()(end, told)
        if end.session.has_offer and not end.session.is_over and len(end.told) > 2:
            end.session.answer("refreshed")

    pair = Pair(AgentEnd("ann", settings=settings(200), react=react), AgentEnd("bob", react=answer))
    pair.call()
    pair.link.path = without_update
    pair.run(350)
    assert offers == ["refresh"] * 3
    assert "UPDATE" not in pair.link.first_lines(0)
    assert pair.caller.events(CallEnded) == []


def without_update(message: Request | Response) -> tuple[float, ...]:
    allowed = message.headers.get("Allow")
    if allowed is not None:
        message.headers.set("Allow", allowed.replace("UPDATE, ", ""))
    return (0.02,)


def test_interval_below_the_min_se_of_the_called_end_is_raised_and_tried_again() -> None:
    pair = connected(settings(100), settings(1800, min_se=300))
    assert pair.caller.names()[-2:] == ["Accepted", "AnswerReceived"]
    pair.run(149)
    assert pair.link.first_lines(0) == []
    pair.run(5)
    assert pair.link.first_lines(0) == ["UPDATE"]
    pair.run(70)
    assert pair.caller.events(CallEnded) == []


def test_refresh_that_the_other_end_does_not_know_ends_the_call() -> None:
    pair = connected(settings(200))
    pair.called.agent.forget(pair.called.session)
    pair.run(110)
    assert pair.caller.events(CallEnded)[0].cause is EndCause.TIMED_OUT
    assert "481" in pair.caller.events(CallEnded)[0].reason


def test_lost_refresh_is_sent_again_by_its_transaction() -> None:
    pair = connected(settings(200))
    lost = iter([True] * 3)
    pair.link.path = lambda _: () if next(lost, False) else (0.02,)
    pair.run(150)
    assert pair.link.first_lines(0) == ["UPDATE"] * 4
    pair.run(150)
    assert pair.called.events(CallEnded) == []


def test_refresh_that_cannot_be_sent_is_tried_again_until_the_call_expires() -> None:
    pair = connected(settings(200))
    unsent = iter([True] * 3)

    def path(message: Request | Response) -> tuple[float, ...]:
        if message.cseq.method == "UPDATE" and next(unsent, False):
            pair.caller.agent.sending_failed(message)
            return ()
        return (0.02,)

    pair.link.path = path
    pair.run(180)
    assert pair.link.first_lines(0) == ["UPDATE"] * 4
    assert pair.caller.events(CallEnded) == []
    pair.link.path = lambda _: ()
    pair.run(400)
    assert pair.caller.events(CallEnded)[0].cause is EndCause.TIMED_OUT
