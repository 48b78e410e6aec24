"""Copies of SIP requests that are sent anew, with another number. PURE."""

from __future__ import annotations

from sipmessage import CSeq, Request


def renumbered(request: Request, *, sequence: int) -> Request:
    """Copy a request, with another number in CSeq and without its Via.

    Args:
        request: The request.
        sequence: Its new number.
    """
    copy = Request(method=request.method, uri=request.uri, body=request.body)
    for name in request.headers.keys():  # noqa: SIM118 - sipmessage's Headers is no mapping
        if name.lower() != "via":
            copy.headers.setlist(name, list(request.headers.getlist(name)))
    copy.cseq = CSeq(sequence=sequence, method=request.method)
    return copy
