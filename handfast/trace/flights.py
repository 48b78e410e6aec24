"""Flights of a DTLS handshake: recognises messages and numbers flights (RFC 6347 4.2.4). PURE."""

from __future__ import annotations

import re
from typing import Final

#: Number of each flight by a message that only this flight has, the first match counts
#: (RFC 6347 section 4.2.4, figure 1). DTLS 1.3 numbers them alike (RFC 9147 section 5.7).
_FLIGHTS: Final = (
    ("HelloVerifyRequest", 2),
    ("HelloRetryRequest", 2),
    ("ServerHello", 4),
    ("ClientKeyExchange", 5),
    ("CertificateVerify", 5),
    # Encrypted messages of DTLS 1.3; those of the server would come with the ServerHello.
    ("handshake messages", 5),
)
_HANDSHAKE: Final = re.compile(
    r"Hello|Certificate|KeyExchange|Finished|ChangeCipherSpec|Ticket|handshake message"
)


def messages(detail: str) -> tuple[str, ...]:
    """Return the distinct message names in the detail of a datagram, fragments merged.

    >>> messages("ClientHello (0 to 9 of 20 bytes), ClientHello (10 to 19 of 20 bytes)")
    ('ClientHello',)
    """
    # Brackets give the fragment of a message, but the kind of an alert.
    names = (
        name if name.startswith("Alert") else name.partition(" (")[0]
        for name in (part.strip() for part in detail.split(","))
    )
    return tuple(dict.fromkeys(name for name in names if name))


def is_handshake(names: tuple[str, ...]) -> bool:
    """Return True for handshake messages, in contrast to alerts and application data."""
    return any(_HANDSHAKE.search(name) for name in names)


def has_alert(names: tuple[str, ...]) -> bool:
    """Return True if one of the messages is an alert."""
    return any("alert" in name.lower() for name in names)


def number(names: tuple[str, ...], *, after_verify_request: bool) -> int | None:
    """Return the number of the flight that consists of these messages, or None if unknown.

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
        # A server's Certificate would come with the ServerHello.
        return 5
    return 6 if {"Finished", "ChangeCipherSpec"} & set(names) else None
