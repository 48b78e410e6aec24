"""REFER, INFO, NOTIFY, OPTIONS and numbers out of order within a SIP call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from signaling.sip.errors import SipUsageError
from signaling.sip.session_events import CallEnded, EndCause, ReferReceived, ToneReceived
from tests.support.sip.agent_end import AgentEnd, Pair, answering

if TYPE_CHECKING:
    from sipmessage import Request, Response


class Call(Pair):
    """A confirmed call; `ask` sends a request of the caller and returns the responses."""

    def __init__(self) -> None:
        super().__init__(AgentEnd("ann"), AgentEnd("bob", react=answering()))
        self.call()
        self.run()
        self.link.sent.clear()

    def ask(
        self, method: str, *, body: bytes = b"", content_type: str = "", **headers: str
    ) -> list[Response]:
        request = self.request(method, body=body, content_type=content_type, **headers)
        responses: list[Response] = []
        self.caller.agent.send_request(request, lambda _own, response: responses.append(response))
        self.run(0.2)
        return responses

    def request(
        self, method: str, *, body: bytes = b"", content_type: str = "", **headers: str
    ) -> Request:
        dialog = self.caller.session.dialog
        request = dialog.request(method, body=body, content_type=content_type)
        for name, value in headers.items():
            request.headers.set(name.replace("_", "-"), value)
        return request


def codes(responses: list[Response]) -> list[int]:
    return [response.code for response in responses]


def test_refer_is_told_and_its_result_notified() -> None:
    call = Call()
    responses = call.ask(
        "REFER", Refer_To="<sip:carol@example.org?Replaces=abc>", Referred_By="<sip:ann@a.org>"
    )
    assert responses == []
    (refer,) = call.called.events(ReferReceived)
    assert refer.target == "sip:carol@example.org?Replaces=abc"
    assert refer.referred_by == "<sip:ann@a.org>"
    call.called.session.accept_refer(refer.number)
    call.called.session.report_refer(refer.number, code=180)
    call.called.session.report_refer(refer.number, code=200)
    call.run()
    assert call.link.first_lines(1) == ["202", "NOTIFY", "NOTIFY", "NOTIFY"]
    notifies = [m for _, end, m in call.link.sent if end and m.cseq.method == "NOTIFY"]
    assert [notify.body for notify in notifies] == [
        b"SIP/2.0 100 Trying\r\n",
        b"SIP/2.0 180 Ringing\r\n",
        b"SIP/2.0 200 OK\r\n",
    ]
    assert {notify.headers["Event"] for notify in notifies} == {f"refer;id={refer.number}"}
    states = [notify.headers["Subscription-State"].partition(";")[0] for notify in notifies]
    assert states == ["active", "active", "terminated"]
    with pytest.raises(SipUsageError, match="no accepted REFER"):
        call.called.session.report_refer(refer.number, code=200)


def test_name_with_a_bracket_in_a_refer_is_no_part_of_its_uri() -> None:
    call = Call()
    call.ask("REFER", Refer_To='"Carol <home>" <sip:carol@example.org?Replaces=abc>')
    (refer,) = call.called.events(ReferReceived)
    assert refer.target == "sip:carol@example.org?Replaces=abc"


def test_refused_refer_gets_its_status_and_no_notify() -> None:
    call = Call()
    responses = call.ask("REFER", Refer_To="sip:carol@example.org")
    (refer,) = call.called.events(ReferReceived)
    call.called.session.refuse_refer(refer.number)
    call.run()
    assert codes(responses) == [603]
    with pytest.raises(SipUsageError, match="no unanswered REFER"):
        call.called.session.accept_refer(refer.number)


@pytest.mark.parametrize("target", ["", "<sip:a@b>, <sip:c@d>", "nobody"])
def test_refer_to_none_or_several_is_refused_with_400(target: str) -> None:
    call = Call()
    responses = call.ask("REFER", Refer_To=target) if target else call.ask("REFER")
    assert codes(responses) == [400]
    assert call.called.events(ReferReceived) == []


def test_refers_that_nobody_answers_are_bounded() -> None:
    call = Call()
    answers = [code for _ in range(6) for code in codes(call.ask("REFER", Refer_To="<sip:c@d>"))]
    assert len(call.called.events(ReferReceived)) == 4
    assert answers == [503, 503]


@pytest.mark.parametrize(
    ("kind", "body", "tone", "duration"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5", 0.16),
        ("application/dtmf-relay", "Signal= * \nDuration = 250", "*", 0.25),
        ("application/dtmf-relay", "signal=#", "#", 0.1),
        ("application/dtmf-relay", "Signal=11\r\nDuration=999999\r\n", "#", 6.0),
        ("application/dtmf", "7", "7", 0.1),
        ("Application/DTMF; x=y", "10", "*", 0.1),
        ("application/dtmf", "Signal=d\r\nDuration=100\r\n", "D", 0.1),
    ],
)
def test_info_with_a_tone_is_told(kind: str, body: str, tone: str, duration: float) -> None:
    call = Call()
    assert codes(call.ask("INFO", body=body.encode(), content_type=kind)) == [200]
    assert call.called.events(ToneReceived) == [ToneReceived(tone=tone, duration=duration)]


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("application/dtmf-relay", b"Signal=16\r\n", 400),
        ("application/dtmf-relay", b"\xff\x00", 400),
        ("application/media_control+xml", b"<media_control/>", 415),
        ("", b"", 200),
    ],
)
def test_info_without_a_tone_is_answered(kind: str, body: bytes, code: int) -> None:
    call = Call()
    assert codes(call.ask("INFO", body=body, content_type=kind)) == [code]
    assert call.called.events(ToneReceived) == []


def test_info_of_a_package_that_nobody_has_is_refused_with_469() -> None:
    call = Call()
    assert codes(call.ask("INFO", body=b"x", content_type="a/b", Info_Package="foo")) == [469]


def test_tone_that_is_sent_by_info_is_received() -> None:
    call = Call()
    call.called.session.send_tone("*", milliseconds=200)
    call.run()
    assert call.caller.events(ToneReceived) == [ToneReceived(tone="*", duration=0.2)]
    with pytest.raises(SipUsageError, match="is no DTMF tone"):
        call.called.session.send_tone("x")


def test_options_within_a_call_is_answered_and_changes_nothing() -> None:
    call = Call()
    (response,) = call.ask("OPTIONS")
    assert response.code == 200
    assert "UPDATE" in response.headers["Allow"]


@pytest.mark.parametrize(("method", "code"), [("NOTIFY", 489), ("MESSAGE", 405), ("PRACK", 481)])
def test_request_that_has_no_place_in_the_call_is_refused(method: str, code: int) -> None:
    call = Call()
    assert codes(call.ask(method)) == [code]


def test_request_out_of_order_is_refused_with_500() -> None:
    call = Call()
    late = call.request("INFO")
    assert codes(call.ask("INFO")) == [200]
    responses: list[Response] = []
    call.caller.agent.send_request(late, lambda _own, response: responses.append(response))
    call.run()
    assert codes(responses) == [500]


def test_tone_to_an_end_that_does_not_know_the_call_ends_it() -> None:
    call = Call()
    call.called.agent.forget(call.called.session)
    call.caller.session.send_tone("1")
    call.run()
    (ended,) = call.caller.events(CallEnded)
    assert (ended.cause, ended.status) == (EndCause.FAILED, 481)


@pytest.mark.parametrize("method", ["REFER", "UPDATE", "INVITE", "INFO"])
def test_request_that_crosses_our_bye_is_refused_with_481(method: str) -> None:
    call = Call()
    call.called.session.hang_up()
    request = call.request(method, Refer_To="<sip:carol@example.org>")
    responses: list[Response] = []
    call.caller.agent.send_request(request, lambda _own, response: responses.append(response))
    call.run()
    assert codes(responses) == [481]
    call.run(70)
    assert call.kept == {}
