"""SIP requests that a user agent refuses before anybody hears of them (RFC 3261 section 8.2)."""

from __future__ import annotations

import pytest
from sipmessage import URI, Request, Response

from signaling.sip.agent_port import AgentSettings
from signaling.sip.errors import SipMessageError
from signaling.sip.parsing import parse_message, write_message
from tests.support.sip.agent_end import AgentEnd
from tests.support.sip.messages import a_request


def answer(end: AgentEnd, request: Request) -> Response:
    """Let a request come, as octets; it has to be answered once, and told to nobody."""
    message = parse_message(write_message(request))
    (response,) = end.receive(message, 0.0)
    assert isinstance(response, Response)
    return response


def refusal(request: Request, **settings: int) -> Response:
    end = AgentEnd("bob", settings=AgentSettings(**settings))  # type: ignore[arg-type] # numbers
    response = answer(end, request)
    assert end.told == []
    end.advance(100.0)
    assert not any(end.agent.kept.values())
    return response


@pytest.mark.parametrize("method", ["SUBSCRIBE", "MESSAGE", "PUBLISH", "REGISTER", "NOTIFY", "FOO"])
def test_method_that_nobody_takes_is_refused_with_405_and_allow(method: str) -> None:
    response = refusal(a_request(method, branch="z9hG4bK1"))
    assert response.code == 405
    assert "INVITE" in response.headers["Allow"]


@pytest.mark.parametrize("method", ["BYE", "PRACK", "UPDATE", "INFO"])
@pytest.mark.parametrize("to_tag", [None, "unknown"])
def test_request_for_a_call_that_there_is_not_is_refused_with_481(
    method: str, to_tag: str | None
) -> None:
    assert refusal(a_request(method, branch="z9hG4bK1", to_tag=to_tag)).code == 481


def test_invite_for_a_call_that_there_is_not_is_refused_with_481() -> None:
    end = AgentEnd("bob")
    assert answer(end, a_request(branch="z9hG4bK1", to_tag="unknown")).code == 481
    end.receive(a_request("ACK", branch="z9hG4bK1", to_tag="unknown"), 0.1)
    end.advance(100.0)
    assert not any(end.agent.kept.values())


def test_ack_for_nothing_is_dropped() -> None:
    end = AgentEnd("bob")
    assert end.receive(a_request("ACK", branch="z9hG4bK1", to_tag="unknown"), 0.0) == []
    assert not any(end.agent.kept.values())


def test_refer_of_a_stranger_is_refused_with_403() -> None:
    assert refusal(a_request("REFER", branch="z9hG4bK1")).code == 403


def test_unknown_extension_is_refused_with_420() -> None:
    request = a_request("OPTIONS", branch="z9hG4bK1")
    request.headers.set("Require", "100rel, precondition, sec-agree")
    response = refusal(request)
    assert response.code == 420
    assert response.headers["Unsupported"] == "precondition, sec-agree"


def test_scheme_that_is_no_sip_is_refused_with_416() -> None:
    request = a_request("OPTIONS", branch="z9hG4bK1")
    request.uri = URI("mailto", host="bob@example.org")
    assert refusal(request).code == 416


@pytest.mark.parametrize(
    ("header", "value", "names"),
    [
        ("Content-Type", "application/isup", "Accept"),
        ("Content-Encoding", "gzip", "Accept-Encoding"),
    ],
)
def test_body_that_cannot_be_read_is_refused_with_415(header: str, value: str, names: str) -> None:
    request = a_request(branch="z9hG4bK1", body=b"v=0")
    request.headers.set("Content-Type", "application/sdp")
    request.headers.set(header, value)
    response = refusal(request)
    assert response.code == 415
    assert response.headers.get(names)


def test_session_interval_below_our_least_is_refused_with_422() -> None:
    request = a_request(branch="z9hG4bK1")
    request.headers.set("Supported", "timer")
    request.headers.set("Session-Expires", "60")
    response = refusal(request)
    assert response.code == 422
    assert response.headers["Min-SE"] == "90"


def test_invite_without_a_contact_is_refused_with_400() -> None:
    request = a_request(branch="z9hG4bK1")
    request.headers.remove("Contact")
    response = refusal(request)
    assert response.code == 400
    assert "Contact" in response.phrase


def test_invite_beyond_the_most_calls_is_refused_with_503() -> None:
    assert refusal(a_request(branch="z9hG4bK1"), max_sessions=0).code == 503


def test_invite_that_comes_by_two_ways_is_refused_the_second_time_with_482() -> None:
    end = AgentEnd("bob")
    assert end.receive(a_request(branch="z9hG4bK1"), 0.0) == []
    assert answer(end, a_request(branch="z9hG4bK2")).code == 482
    assert len(end.told) == 1


def test_options_outside_of_a_call_tells_what_we_can() -> None:
    response = refusal(a_request("OPTIONS", branch="z9hG4bK1"))
    assert response.code == 200
    assert response.headers["Accept"] == "application/sdp"
    assert response.headers["Supported"] == "100rel, timer, from-change"
    assert "PRACK" in response.headers["Allow"]


def test_message_that_cannot_be_read_is_answered_where_it_can_be() -> None:
    end = AgentEnd("bob")
    data = write_message(a_request("OPTIONS", branch="z9hG4bK1"))
    with pytest.raises(SipMessageError) as caught:
        parse_message(data.replace(b"sip:bob@server.example.org SIP", b"sip:@ SIP"))
    end.agent.refuse(caught.value)
    (response,) = end.flush()
    assert isinstance(response, Response)
    assert response.code == 400
    end.agent.refuse(SipMessageError("it is no message"))
    assert end.flush() == []
