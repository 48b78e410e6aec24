"""SIP messages and their transactions: branches, sent-by, clients of RFC 2543, CANCEL and ACK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sipmessage import Request, Response

from signaling.sip.replies import reply_to
from signaling.sip.transactions.layer import TransactionLayer, UnknownTransactionError
from signaling.sip.transactions.outputs import (
    AckReceived,
    RequestReceived,
    ResponseReceived,
    SendMessage,
    TransactionOutput,
)
from signaling.sip.transactions.tables import TransactionState
from tests.support.sip.messages import TCP, UDP, a_request

if TYPE_CHECKING:
    from signaling.sip.transactions.keys import ClientKey


def sent(outputs: list[TransactionOutput]) -> list[str]:
    messages = [output.message for output in outputs if isinstance(output, SendMessage)]
    return [m.method if isinstance(m, Request) else str(m.code) for m in messages]


def received(outputs: list[TransactionOutput]) -> RequestReceived:
    (output,) = outputs
    assert isinstance(output, RequestReceived)
    return output


def begun(layer: TransactionLayer) -> tuple[ClientKey, Request]:
    """Begin the transaction of an INVITE; return its key and what is sent."""
    key, outputs = layer.request(a_request(), 0.0)
    assert isinstance(outputs[0], SendMessage)
    invite = outputs[0].message
    assert isinstance(invite, Request)
    return key, invite


@pytest.mark.parametrize(
    "other",
    [
        a_request("OPTIONS", branch="z9hG4bK-2"),
        a_request("INFO", branch="z9hG4bK-1"),
        # RFC 3261 section 17.2.3: two clients may have chosen one branch.
        a_request("OPTIONS", branch="z9hG4bK-1", via=TCP.parse("SIP/2.0/UDP 192.0.2.7:5060")),
    ],
    ids=["branch", "method", "sent-by"],
)
def test_request_with_another_branch_method_or_sent_by_begins_a_transaction(
    other: Request,
) -> None:
    layer = TransactionLayer(via=UDP)
    received(layer.receive(a_request("OPTIONS", branch="z9hG4bK-1"), 0.0))
    received(layer.receive(other, 0.0))
    assert len(layer) == 2


def test_request_that_comes_again_is_not_told_twice() -> None:
    layer = TransactionLayer(via=UDP)
    received(layer.receive(a_request("OPTIONS", branch="z9hG4bK-1"), 0.0))
    assert layer.receive(a_request("OPTIONS", branch="z9hG4bK-1"), 0.0) == []


def test_request_of_rfc_2543_is_matched_by_its_headers() -> None:
    layer = TransactionLayer(via=UDP)
    first = received(layer.receive(a_request(branch="1"), 0.0))
    assert layer.receive(a_request(branch="1"), 0.0) == []
    received(layer.receive(a_request(branch="1", sequence=2), 0.0))
    layer.respond(first.key, reply_to(first.request, 486, to_tag="b"), 0.0)
    assert layer.receive(a_request("ACK", branch="1", to_tag="b"), 0.0) == []
    assert layer.state(first.key) is TransactionState.CONFIRMED


def test_cancel_has_the_branch_of_its_invite_and_a_transaction_of_its_own() -> None:
    layer = TransactionLayer(via=UDP)
    invite = received(layer.receive(a_request(branch="z9hG4bK-1"), 0.0))
    cancel = received(layer.receive(a_request("CANCEL", branch="z9hG4bK-1"), 0.0))
    assert layer.server_transaction_cancelled_by(cancel.request) == invite.key
    stray = received(layer.receive(a_request("CANCEL", branch="z9hG4bK-2"), 0.0))
    assert layer.server_transaction_cancelled_by(stray.request) is None


def test_cancel_waits_for_the_first_provisional_response() -> None:
    layer = TransactionLayer(via=UDP)
    key, invite = begun(layer)
    assert layer.cancel(key, 0.0) == []
    outputs = layer.receive(reply_to(invite, 100), 0.1)
    assert sent(outputs) == ["CANCEL"]
    assert isinstance(outputs[1], SendMessage)
    cancel = outputs[1].message
    assert isinstance(cancel, Request)
    for name in ("Via", "From", "To", "Call-ID"):
        assert cancel.headers[name] == invite.headers[name]
    assert str(cancel.cseq) == "1 CANCEL"
    # A second wish sends no second CANCEL.
    assert layer.cancel(key, 0.2) == []


def test_cancelled_invite_without_a_final_response_ends_after_32_seconds() -> None:
    layer = TransactionLayer(via=UDP)
    key, invite = begun(layer)
    layer.receive(reply_to(invite, 180), 0.1)
    layer.cancel(key, 0.2)
    layer.advance(32.1)
    assert layer.state(key) is TransactionState.PROCEEDING
    layer.advance(32.2)
    assert layer.state(key) is TransactionState.TERMINATED


def test_ack_of_a_refusal_has_the_branch_of_the_invite_and_the_tag_of_the_response() -> None:
    layer = TransactionLayer(via=UDP)
    _, invite = begun(layer)
    refusal = reply_to(invite, 404, to_tag="called")
    outputs = layer.receive(refusal, 0.1)
    assert sent(outputs) == ["ACK"]
    assert isinstance(outputs[1], ResponseReceived)
    assert isinstance(outputs[0], SendMessage)
    ack = outputs[0].message
    assert ack.headers["Via"] == invite.headers["Via"]
    assert ack.headers["To"] == refusal.headers["To"]
    assert str(ack.cseq) == "1 ACK"
    # Absorbed, and acknowledged again.
    assert sent(layer.receive(refusal, 0.2)) == ["ACK"]


def test_ack_of_a_2xx_is_told_whether_or_not_it_has_the_branch_of_its_invite() -> None:
    layer = TransactionLayer(via=UDP)
    invite = received(layer.receive(a_request(branch="z9hG4bK-1"), 0.0))
    layer.respond(invite.key, reply_to(invite.request, 200, to_tag="b"), 0.0)
    for branch in ("z9hG4bK-1", "z9hG4bK-2"):
        (output,) = layer.receive(a_request("ACK", branch=branch, to_tag="b"), 0.0)
        assert isinstance(output, AckReceived)


def test_response_that_belongs_to_nothing_is_dropped() -> None:
    layer = TransactionLayer(via=UDP)
    assert layer.receive(reply_to(a_request(branch="z9hG4bK-9"), 200), 0.0) == []
    assert layer.receive(Response(code=200, phrase="OK"), 0.0) == []


def test_second_final_response_is_an_error_of_the_caller() -> None:
    layer = TransactionLayer(via=UDP)
    options = received(layer.receive(a_request("OPTIONS", branch="z9hG4bK-1"), 0.0))
    layer.respond(options.key, reply_to(options.request, 200), 0.0)
    with pytest.raises(UnknownTransactionError, match="its transaction is COMPLETED"):
        layer.respond(options.key, reply_to(options.request, 486), 0.0)


@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        ("CSeq", "1 INVITE", "names INVITE"),
        ("CSeq", "one OPTIONS", "CSeq is broken"),
        ("CSeq", None, "no CSeq"),
        ("From", None, "no From"),
        ("Call-ID", None, "no Call-ID"),
        ("Via", "UDP example.org", "topmost Via is broken"),
    ],
)
def test_request_that_can_belong_to_nothing_is_answered_400_and_not_kept(
    header: str, value: str | None, reason: str
) -> None:
    layer = TransactionLayer(via=UDP)
    request = a_request("OPTIONS", branch="z9hG4bK-1")
    request.headers.remove(header)
    if value is not None:
        request.headers.set(header, value)
    (output,) = layer.receive(request, 0.0)
    assert isinstance(output, SendMessage)
    assert isinstance(output.message, Response)
    assert output.message.code == 400
    assert reason in output.message.phrase
    assert len(layer) == 0


def test_broken_ack_and_request_without_via_get_no_answer() -> None:
    layer = TransactionLayer(via=UDP)
    ack = a_request("ACK", branch="z9hG4bK-1")
    ack.headers.remove("Call-ID")
    assert layer.receive(ack, 0.0) == []
    assert layer.receive(a_request("OPTIONS"), 0.0) == []


def test_own_via_stands_first_with_a_branch_that_no_other_request_has() -> None:
    layer = TransactionLayer(via=UDP)
    branches = set()
    for _ in range(100):
        _, outputs = layer.request(a_request("OPTIONS"), 0.0)
        assert isinstance(outputs[0], SendMessage)
        lines = bytes(outputs[0].message).decode().splitlines()
        assert lines[1].startswith("Via: SIP/2.0/UDP client.example.org:5060;branch=z9hG4bK")
        branches.add(lines[1])
    assert len(branches) == 100
