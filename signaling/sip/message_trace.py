"""SIP messages in the trace of a connection: what a ladder calls them, without credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sipmessage import Request, Response

if TYPE_CHECKING:
    from peer import PeerConnection
    from peer.times import Seconds
    from peer.tracing.events import Direction

_PROTOCOL: Final = "SIP"
#: Headers that hold what a secret could be guessed from.
_CREDENTIALS: Final = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "www-authenticate",
        "proxy-authenticate",
        "authentication-info",
        "proxy-authentication-info",
    }
)
#: Sections that define the methods.
_SECTIONS: Final = {
    "ACK": "RFC 3261 section 13.2.2.4",
    "BYE": "RFC 3261 section 15",
    "CANCEL": "RFC 3261 section 9",
    "INFO": "RFC 6086 section 4",
    "INVITE": "RFC 3261 section 13",
    "NOTIFY": "RFC 6665 section 4",
    "OPTIONS": "RFC 3261 section 11",
    "PRACK": "RFC 3262 section 4",
    "REFER": "RFC 3515 section 2.4",
    "UPDATE": "RFC 3311 section 5",
}


def trace_message(
    connection: PeerConnection,
    direction: Direction,
    message: Request | Response,
    *,
    age: Seconds = 0.0,
) -> None:
    """Add a message of a call, so many seconds old, to the trace of its connection."""
    connection.trace_message(
        direction,
        protocol=_PROTOCOL,
        summary=summary(message),
        text=head(message),
        section=section(message),
        age=age,
    )


def summary(message: Request | Response) -> str:
    """Return the method of a request, or the status of a response and the method it answers."""
    if isinstance(message, Request):
        return message.method
    return f"{message.code} {message.phrase} ({_method(message)})"


def head(message: Request | Response) -> str:
    """Write the headers of a message, a line each, without credentials and challenges."""
    lines = [
        f"{name}: {value}"
        for name in message.headers.keys()  # noqa: SIM118 - no mapping
        if name.lower() not in _CREDENTIALS
        for value in message.headers.getlist(name)
    ]
    return "\n".join(lines)


def section(message: Request | Response) -> str:
    """Name the section that defines a message."""
    if isinstance(message, Response) and message.headers.get("RSeq") is not None:
        return "RFC 3262 section 3"
    method = message.method if isinstance(message, Request) else _method(message)
    return _SECTIONS.get(method, "RFC 3261 section 7")


def _method(response: Response) -> str:
    return (response.headers.get("CSeq") or "").rpartition(" ")[2]
