"""SIP responses to a request, with the headers that RFC 3261 section 8.2.6 has them copy. PURE."""

from __future__ import annotations

from typing import Final

from sipmessage import Request, Response

#: Reason phrases of RFC 3261 section 21, and of the RFCs that add status codes.
REASON_PHRASES: Final = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    428: "Use Identity Header",
    436: "Bad Identity Info",
    437: "Unsupported Credential",
    438: "Invalid Identity Header",
    469: "Bad Info Package",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    600: "Busy Everywhere",
    603: "Decline",
    606: "Not Acceptable",
}
#: Headers that a response repeats from its request, in this order.
_COPIED: Final = ("Via", "From", "To", "Call-ID", "CSeq")


def reply_to(
    request: Request, code: int, *, phrase: str | None = None, to_tag: str | None = None
) -> Response:
    """Make a response to a request.

    Args:
        request: The request; it may lack headers, which the response then lacks too.
        code: Status code, 100 to 699.
        phrase: Reason phrase; that of the status code by default.
        to_tag: Tag that is added to `To`, unless the request has one there.
    """
    response = Response(code=code, phrase=phrase or REASON_PHRASES.get(code, "Status"))
    for name in _COPIED:
        if values := request.headers.getlist(name):
            response.headers.setlist(name, list(values))
    if code == 100 and (timestamps := request.headers.getlist("Timestamp")):
        response.headers.setlist("Timestamp", list(timestamps))
    to = response.headers.get("To")
    if to_tag and to is not None and tag_of(to) is None:
        response.headers.set("To", f"{to};tag={to_tag}")
    return response


def tag_of(address: str) -> str | None:
    """Tag parameter of the value of a `From` or `To` header; None without one.

    The text is read as it stands, since a response has to repeat it octet by octet (RFC 3261
    section 8.2.6.2).

    Args:
        address: The value, such as `"Ann" <sip:ann@example.org>;tag=88sja8x`.
    """
    # Parameters of a URI in angle brackets, and what stands in quotes, are no header parameters.
    rest = address
    if (begin := rest.find('"')) != -1 and "<" in rest[begin:]:
        rest = _after_quotes(rest[begin + 1 :])
    rest = rest.rpartition(">")[2]
    for parameter in rest.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "tag" and value.strip():
            return value.strip()
    return None


def _after_quotes(text: str) -> str:
    escaped = False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            return text[place + 1 :]
    return text


def retry_after_of(response: Response) -> float | None:
    """Seconds of the Retry-After of a response, without its comment; None without them."""
    value = (response.headers.get("Retry-After") or "").partition(";")[0].partition("(")[0].strip()
    return float(value) if value.isascii() and value.isdigit() else None


def reason_of(request: Request) -> str:
    """Text of the Reason header of a BYE or CANCEL (RFC 3326); empty without one."""
    value = request.headers.get("Reason") or ""
    for parameter in value.split(";")[1:]:
        name, _, text = parameter.partition("=")
        if name.strip().lower() == "text":
            return text.strip().strip('"')
    return ""
