"""SIP messages of the tests, as octets: a request that is as it should be, and edits of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Headers of a request that each message has, by name.
HEADERS = {
    "Via": "SIP/2.0/UDP phone.example.org:5060;branch=z9hG4bK-1;rport",
    "Max-Forwards": "70",
    "From": '"Ann" <sip:ann@example.org>;tag=a1',
    "To": "<sip:ben@example.org>",
    "Call-ID": "call-1@phone.example.org",
    "CSeq": "1 INVITE",
    "Contact": "<sip:ann@192.0.2.1:5060>",
}


def request(
    *lines: str,
    first: str = "INVITE sip:ben@example.org SIP/2.0",
    without: Iterable[str] = (),
    body: bytes = b"",
    eol: str = "\r\n",
    **headers: str,
) -> bytes:
    """Write an INVITE.

    Args:
        lines: Header lines that are added.
        first: The request line, or the status line of a response.
        without: Names of headers that are left out.
        body: The body; its length is not announced.
        eol: End of each line.
        headers: Values of headers that are not those of `HEADERS`; `_` stands for `-`.
    """
    values = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    kept = [f"{name}: {value}" for name, value in values.items() if name not in set(without)]
    return eol.join([first, *kept, *lines, "", ""]).encode() + body
