from __future__ import annotations

import pytest

from handfast.trace.flights import is_handshake, messages, number

PROTECTED = "handshake messages (encrypted)"


@pytest.mark.parametrize(
    ("detail", "retried", "flight"),
    [
        ("ClientHello", False, 1),
        ("HelloRetryRequest", False, 2),
        ("ClientHello", True, 3),
        (f"ServerHello, {PROTECTED}, {PROTECTED}", False, 4),
        (PROTECTED, False, 5),
    ],
)
def test_the_flights_of_dtls_1_3_have_the_numbers_of_rfc_9147(
    detail: str, retried: bool, flight: int
) -> None:
    names = messages(detail)
    assert is_handshake(names)
    assert number(names, after_verify_request=retried) == flight


def test_what_comes_after_the_handshake_belongs_to_no_flight() -> None:
    assert not is_handshake(messages("protected record, ACK"))
