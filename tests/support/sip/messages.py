"""SIP requests and responses as a peer of a test would send them."""

from __future__ import annotations

from sipmessage import URI, CSeq, Request, Via

UDP = Via.parse("SIP/2.0/UDP client.example.org:5060")
TCP = Via.parse("SIP/2.0/TCP client.example.org:5060")


def a_request(
    method: str = "INVITE",
    *,
    branch: str | None = None,
    via: Via = UDP,
    sequence: int = 1,
    to_tag: str | None = None,
    body: bytes = b"",
) -> Request:
    """Make a request; without a branch it has no Via, as the transaction layer wants it."""
    request = Request(method=method, uri=URI.parse("sip:bob@server.example.org"), body=body)
    if branch is not None:
        request.via = [
            Via(via.transport, via.host, via.port, via.parameters.replace(branch=branch))
        ]
    request.headers.set("Max-Forwards", "70")
    request.headers.set("From", '"Ann, at home" <sip:ann@client.example.org>;tag=caller')
    tag = f";tag={to_tag}" if to_tag else ""
    request.headers.set("To", f"<sip:bob@server.example.org>{tag}")
    request.headers.set("Call-ID", "call@client.example.org")
    request.headers.set("Contact", "<sip:ann@client.example.org:5060>")
    request.cseq = CSeq(sequence=sequence, method=method)
    request.headers.set("Content-Length", str(len(body)))
    return request
