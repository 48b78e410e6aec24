"""Owns the flow of RFC 5763 section 7.1, to hold captured datagrams against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.captured import flow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.wire import Captured, Side

_SERVERS_FLIGHT = (
    "ServerHello",
    "Certificate",
    "ServerKeyExchange",
    "CertificateRequest",
    "ServerHelloDone",
)
_CLIENTS_FLIGHT = (
    "Certificate",
    "ClientKeyExchange",
    "CertificateVerify",
    "ChangeCipherSpec",
    "Finished",
)
# RFC 8489 section 5: a Binding request, and the success that answers it.
_BINDING_REQUEST, _BINDING_SUCCESS = b"\x00\x01", b"\x01\x01"


def basic_flow(client: Side) -> list[tuple[str, str]]:
    """Who says what, in the order that the RFC draws."""
    return [
        (client.value, "ClientHello"),
        *((client.other.value, message) for message in _SERVERS_FLIGHT),
        *((client.value, message) for message in _CLIENTS_FLIGHT),
        (client.other.value, "ChangeCipherSpec"),
        (client.other.value, "Finished"),
    ]


def assert_flow(log: Sequence[Captured], client: Side) -> None:
    """The whole flow is in the log, and nothing comes before its time.

    Args:
        log: What passed on one path, in order, with one association.
        client: Who is the DTLS client.
    """
    # Fragments of a message, and flights sent again, count where they begin.
    said = list(dict.fromkeys(flow(log)))
    expected = basic_flow(client)
    assert said[: len(expected)] == expected

    asked = _first(log, lambda each: each.data.startswith(_BINDING_REQUEST))
    answered = _first(log, lambda each: each.data.startswith(_BINDING_SUCCESS))
    hello = _first(log, lambda each: each.is_dtls)
    finished = _first(log, lambda each: each.is_dtls and expected[-1] in flow([each]))
    media = _first(log, lambda each: each.is_srtp)
    assert asked < answered < hello < finished < media


def _first(log: Sequence[Captured], condition: Callable[[Captured], bool]) -> int:
    return next(number for number, each in enumerate(log) if condition(each))
