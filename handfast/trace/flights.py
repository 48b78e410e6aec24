"""Owns the flights of a DTLS handshake: which messages belong together, and their number."""

from __future__ import annotations

import re
from typing import Final

#: RFC 6347 section 4.2.4, figure 1, by the message that only this flight has; the first one counts.
#: The flights of DTLS 1.3 have the same numbers (RFC 9147 section 5.7).
_FLIGHTS: Final = (
    ("HelloVerifyRequest", 2),
    ("HelloRetryRequest", 2),
    ("ServerHello", 4),
    ("ClientKeyExchange", 5),
    ("CertificateVerify", 5),
    # All of DTLS 1.3 that is under keys; of the server it would come with the ServerHello.
    ("handshake messages", 5),
)
_HANDSHAKE: Final = re.compile(
    r"Hello|Certificate|KeyExchange|Finished|ChangeCipherSpec|Ticket|handshake message"
)


def messages(detail: str) -> tuple[str, ...]:
    """The names in a datagram's detail, each once: fragments of one message are one message.

    >>> messages("ClientHello (0 to 9 of 20 bytes), ClientHello (10 to 19 of 20 bytes)")
    ('ClientHello',)
    """
    # What is in brackets is which part of a message this is; of an alert it says which one.
    names = (
        name if name.startswith("Alert") else name.partition(" (")[0]
        for name in (part.strip() for part in detail.split(","))
    )
    return tuple(dict.fromkeys(name for name in names if name))


def is_handshake(names: tuple[str, ...]) -> bool:
    """Whether these belong to a flight, in contrast to alerts and application data."""
    return any(_HANDSHAKE.search(name) for name in names)


def has_alert(names: tuple[str, ...]) -> bool:
    """Whether one of them is an alert."""
    return any("alert" in name.lower() for name in names)


def number(names: tuple[str, ...], *, after_verify_request: bool) -> int | None:
    """Which flight these messages are, or None where they do not say.

    Args:
        names: The messages of the flight so far.
        after_verify_request: Whether a HelloVerifyRequest or HelloRetryRequest came before, which
            makes a ClientHello the third flight.
    """
    for message, flight in _FLIGHTS:
        if message in names:
            return flight
    if "ClientHello" in names:
        return 3 if after_verify_request else 1
    if "Certificate" in names:
        # Of the server it would come with the ServerHello.
        return 5
    return 6 if {"Finished", "ChangeCipherSpec"} & set(names) else None
