"""SIP transactions over UDP in virtual time: what is lost is sent again, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from sipmessage import Request, Response

from signaling.sip.replies import reply_to
from signaling.sip.transactions.layer import TransactionLayer
from signaling.sip.transactions.outputs import (
    RequestFailed,
    RequestReceived,
    ResponseFailed,
    ResponseReceived,
)
from signaling.sip.transactions.tables import TransactionState
from tests.support.sip.messages import TCP, a_request
from tests.support.sip.transaction_user import TransactionUser
from tests.support.sip.virtual_link import DELAY, VirtualLink

Kind = Callable[[Request | Response], bool]


def lost(*kinds: str) -> Callable[[Request | Response], Sequence[float]]:
    """Lose every message that is of one of these methods or status codes."""

    def path(message: Request | Response) -> Sequence[float]:
        kind = message.method if isinstance(message, Request) else str(message.code)
        return () if kind in kinds else (DELAY,)

    return path


def first_lost(**counts: int) -> Callable[[Request | Response], Sequence[float]]:
    """Lose so many of the first messages of each method or `_STATUS`."""
    left = {name.removeprefix("_"): count for name, count in counts.items()}

    def path(message: Request | Response) -> Sequence[float]:
        kind = message.method if isinstance(message, Request) else str(message.code)
        if left.get(kind, 0) > 0:
            left[kind] -= 1
            return ()
        return (DELAY,)

    return path


def doubled(_message: Request | Response) -> Sequence[float]:
    return (DELAY, 3 * DELAY)


def answers(*codes: int) -> Callable[[Request], list[Response]]:
    return lambda request: [reply_to(request, code, to_tag="called") for code in codes]


def times(link: VirtualLink, end: int, kind: str) -> list[float]:
    return [
        when
        for when, sender, message in link.sent
        if sender == end
        and kind == (message.method if isinstance(message, Request) else str(message.code))
    ]


def codes(user: TransactionUser) -> list[int]:
    return [told.response.code for told in user.told if isinstance(told, ResponseReceived)]


def test_unanswered_invite_is_sent_seven_times_and_times_out_after_32_seconds() -> None:
    caller, called = TransactionUser(), TransactionUser()
    link = VirtualLink(caller, called, path=lost("INVITE"))
    link.send(0, caller.request(a_request())[1])
    link.run(31.9)
    assert times(link, 0, "INVITE") == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert not caller.told
    link.run(40)
    assert [type(told) for told in caller.told] == [RequestFailed]
    assert isinstance(caller.told[0], RequestFailed)
    assert caller.told[0].timed_out
    assert len(caller.layer) == 0
    assert caller.next_time() is None


def test_unanswered_request_but_invite_is_sent_eleven_times_with_intervals_up_to_t2() -> None:
    caller, called = TransactionUser(), TransactionUser()
    link = VirtualLink(caller, called, path=lost("OPTIONS"))
    link.send(0, caller.request(a_request("OPTIONS"))[1])
    link.run(40)
    expected = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert times(link, 0, "OPTIONS") == expected
    assert [type(told) for told in caller.told] == [RequestFailed]
    assert len(caller.layer) == 0


def test_provisional_response_ends_the_retransmission_of_an_invite() -> None:
    caller, called = TransactionUser(), TransactionUser(answers(180))
    link = VirtualLink(caller, called)
    key, sent = caller.request(a_request())
    link.send(0, sent)
    link.run(300)
    assert times(link, 0, "INVITE") == [0]
    assert caller.layer.state(key) is TransactionState.PROCEEDING
    assert codes(caller) == [180]


def test_invite_whose_user_says_nothing_is_answered_100_after_200_ms() -> None:
    caller, called = TransactionUser(), TransactionUser()
    link = VirtualLink(caller, called)
    link.send(0, caller.request(a_request())[1])
    link.run(1)
    assert times(link, 1, "100") == [pytest.approx(DELAY + 0.2)]
    assert codes(caller) == [100]


def test_refusal_of_an_invite_is_repeated_until_its_ack_comes() -> None:
    caller, called = TransactionUser(), TransactionUser(answers(486))
    link = VirtualLink(caller, called, path=first_lost(ACK=3))
    link.send(0, caller.request(a_request())[1])
    link.run(30)
    expected = [DELAY, DELAY + 0.5, DELAY + 1.5, DELAY + 3.5]
    assert times(link, 1, "486") == [pytest.approx(when) for when in expected]
    assert codes(caller) == [486]
    assert len(called.layer) == 0
    link.run(64)
    assert len(caller.layer) == 0


def test_refusal_of_an_invite_without_an_ack_is_reported_after_32_seconds() -> None:
    caller, called = TransactionUser(), TransactionUser(answers(486))
    link = VirtualLink(caller, called, path=lost("ACK"))
    link.send(0, caller.request(a_request())[1])
    link.run(70)
    assert [type(told) for told in called.told] == [RequestReceived, ResponseFailed]
    intervals = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert times(link, 1, "486") == [pytest.approx(DELAY + when) for when in intervals]
    assert len(caller.layer) == len(called.layer) == 0


def test_lost_response_is_repeated_for_a_request_that_comes_again() -> None:
    caller, called = TransactionUser(), TransactionUser(answers(200))
    link = VirtualLink(caller, called, path=first_lost(_200=2))
    link.send(0, caller.request(a_request("BYE"))[1])
    link.run(10)
    assert times(link, 0, "BYE") == [0, 0.5, 1.5]
    assert codes(caller) == [200]
    # Its user was asked once.
    assert [type(told) for told in called.told] == [RequestReceived]
    link.run(40)
    assert len(caller.layer) == len(called.layer) == 0


def test_doubled_messages_are_told_once_but_for_a_2xx_to_invite() -> None:
    caller, called = TransactionUser(), TransactionUser(answers(200))
    link = VirtualLink(caller, called, path=doubled)
    link.send(0, caller.request(a_request("BYE"))[1])
    link.send(0, caller.request(a_request("INVITE"))[1])
    link.run(70)
    # RFC 6026: each 2xx to INVITE goes to the user, who acknowledges it again.
    assert codes(caller) == [200, 200, 200]
    assert [type(told) for told in called.told] == [RequestReceived, RequestReceived]
    assert len(caller.layer) == len(called.layer) == 0


@pytest.mark.parametrize(("method", "code"), [("BYE", 200), ("INVITE", 486)])
def test_transaction_over_tcp_is_gone_with_its_last_message(method: str, code: int) -> None:
    caller, called = TransactionUser(via=TCP), TransactionUser(answers(code), via=TCP)
    link = VirtualLink(caller, called)
    link.send(0, caller.request(a_request(method))[1])
    link.run(0.1)
    assert len(caller.layer) == len(called.layer) == 0
    assert times(link, 0, method) == [0]


def test_unanswered_request_over_tcp_is_sent_once_and_times_out() -> None:
    caller, called = TransactionUser(via=TCP), TransactionUser(via=TCP)
    link = VirtualLink(caller, called, path=lost("INVITE"))
    link.send(0, caller.request(a_request())[1])
    link.run(40)
    assert times(link, 0, "INVITE") == [0]
    assert [type(told) for told in caller.told] == [RequestFailed]


def test_request_that_cannot_be_sent_ends_its_transaction_at_once() -> None:
    user = TransactionUser()
    _, sent = user.request(a_request("BYE"))
    outputs = user.layer.sending_failed(sent[0], 0.1)
    assert [type(output) for output in outputs] == [RequestFailed]
    assert isinstance(outputs[0], RequestFailed)
    assert not outputs[0].timed_out
    assert len(user.layer) == 0


def test_response_that_cannot_be_sent_ends_its_transaction_at_once() -> None:
    layer = TransactionUser(answers(486))
    sent = layer.receive(a_request(branch="z9hG4bK1"), 0.0)
    outputs = layer.layer.sending_failed(sent[0], 0.1)
    assert [type(output) for output in outputs] == [ResponseFailed]
    assert len(layer.layer) == 0


def test_full_table_drops_what_only_absorbs_and_then_answers_503() -> None:
    layer = TransactionLayer(via=TCP, limit=2)
    layer.receive(a_request("OPTIONS", branch="z9hG4bK1"), 0.0)
    outputs = layer.receive(a_request("OPTIONS", branch="z9hG4bK2"), 0.0)
    refused = layer.receive(a_request("OPTIONS", branch="z9hG4bK3"), 0.0)
    message = refused[0].message  # type: ignore[union-attr] # it is a SendMessage
    assert isinstance(message, Response)
    assert message.code == 503
    assert message.headers["Retry-After"] == "5"
    received = outputs[0]
    assert isinstance(received, RequestReceived)
    layer.respond(received.key, reply_to(received.request, 200), 0.0)
    taken = layer.receive(a_request("OPTIONS", branch="z9hG4bK4"), 0.0)
    assert [type(output) for output in taken] == [RequestReceived]
    assert len(layer) == 2
