"""Parser and writer of SIP messages (RFC 3261 section 7), strict where it decides, else lenient.

A message is a `sipmessage.Request` or `Response`; its headers stand as they came, unfolded and by
their long names, so that an answer can repeat them. The accessors (`via`, `contact`, `to_address`)
read what phones send, where sipmessage's refuse it or take it for something else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

from sipmessage import URI, CSeq, Headers, Message, Request, Response

from signaling.sip.errors import SipMessageError, SipUsageError
from signaling.sip.grammar import (
    parse_address,
    parse_addresses,
    parse_cseq,
    parse_media_type,
    parse_uri,
    parse_vias,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sipmessage import Address, MediaType, Via

_Value = TypeVar("_Value")

#: Octets of a message, its body included (ours): as much as one datagram can hold.
MAX_MESSAGE: Final = 65_536
#: Octets of all headers of a message, its first line included (ours).
MAX_HEAD: Final = 32_768
#: Octets of one header line, unfolded (ours).
MAX_HEADER: Final = 8_192
#: Header lines of one message (ours).
MAX_HEADERS: Final = 256
#: Seconds that a malformed `Expires` stands for (RFC 3261 section 20.19).
_DEFAULT_EXPIRES: Final = 3600
#: First number that no header of seconds holds (RFC 3261 section 20.19).
_SECONDS_END: Final = 2**32

#: Compact forms of header names (RFC 3261 section 7.3.3, and the IANA registry of SIP).
COMPACT_FORMS: Final = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
#: Headers that stand once in a message, and that each message has but the last two.
_SINGLE: Final = ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length")
_MANDATORY: Final = ("Via", "From", "To", "Call-ID", "CSeq")
#: Headers that hold a number, and no more than that.
_NUMBERS: Final = {"Max-Forwards": 256, "Content-Length": 2**31, "Min-Expires": _SECONDS_END}

#: Empty line behind the headers.
HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_LINE_END: Final = re.compile(r"\r?\n")
#: C0 controls except the tab: none belongs into a header, and a CR in one forges lines.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN: Final = re.compile(r"[\w.!%*+`'~-]+", re.ASCII)
_STATUS_LINE: Final = re.compile(r"SIP/2\.0 +([1-6][0-9]{2})(?: (.*))?", re.IGNORECASE | re.ASCII)
_VERSION: Final = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE | re.ASCII)


class _Received(Message):
    """The accessors of a message that came, over its headers as they stand."""

    @property
    def via(self) -> list[Via]:
        return self._all("Via", parse_vias)

    @via.setter
    def via(self, value: list[Via]) -> None:
        self.headers.setlist("Via", [str(each) for each in value])

    @property
    def from_address(self) -> Address:
        return parse_address(self.headers["From"])

    @from_address.setter
    def from_address(self, value: Address) -> None:
        self.headers.set("From", str(value))

    @property
    def to_address(self) -> Address:
        return parse_address(self.headers["To"])

    @to_address.setter
    def to_address(self, value: Address) -> None:
        self.headers.set("To", str(value))

    @property
    def cseq(self) -> CSeq:
        return parse_cseq(self.headers["CSeq"])

    @cseq.setter
    def cseq(self, value: CSeq) -> None:
        self.headers.set("CSeq", str(value))

    @property
    def contact(self) -> list[Address]:
        """The addresses of `Contact`: none for the `*` of a REGISTER, which the header has."""
        return self._all("Contact", _contacts)

    @contact.setter
    def contact(self, value: list[Address]) -> None:
        self.headers.setlist("Contact", [str(each) for each in value])

    @property
    def route(self) -> list[Address]:
        return self._all("Route", parse_addresses)

    @route.setter
    def route(self, value: list[Address]) -> None:
        self.headers.setlist("Route", [str(each) for each in value])

    @property
    def record_route(self) -> list[Address]:
        return self._all("Record-Route", parse_addresses)

    @record_route.setter
    def record_route(self, value: list[Address]) -> None:
        self.headers.setlist("Record-Route", [str(each) for each in value])

    @property
    def content_type(self) -> MediaType | None:
        text = self.headers.get("Content-Type")
        return parse_media_type(text) if text is not None else None

    @content_type.setter
    def content_type(self, value: MediaType | None) -> None:
        self._set_optional_str("Content-Type", str(value) if value is not None else None)

    @property
    def expires(self) -> int | None:
        """The seconds of `Expires`: 3600 where it is malformed (RFC 3261 section 20.19)."""
        text = self.headers.get("Expires")
        if text is None:
            return None
        value = whole_number(text)
        return value if value is not None and value < _SECONDS_END else _DEFAULT_EXPIRES

    @expires.setter
    def expires(self, value: int | None) -> None:
        self._set_optional_int("Expires", value)

    def _all(self, name: str, parse: Callable[[str], list[_Value]]) -> list[_Value]:
        return [value for text in self.headers.getlist(name) for value in parse(text)]


class ReceivedRequest(_Received, Request):
    """A SIP request that came, its accessors lenient as `parse_message` is."""


class ReceivedResponse(_Received, Response):
    """A SIP response that came, its accessors lenient as `parse_message` is."""


def parse_message(data: bytes) -> Request | Response:
    """Parse a SIP message: a datagram, a frame of a WebSocket, or what `StreamFramer` cut out.

    Folded headers are unfolded, compact names written out, line ends may be LF, and octets behind
    the body that `Content-Length` announces are dropped (RFC 3261 section 18.3). What an answer, a
    transaction and a dialog need is checked, so that the accessors of `Via`, `From`, `To`, `CSeq`,
    `Contact`, `Route` and `Record-Route` raise nothing afterwards.

    Raises:
        SipMessageError: It is no SIP message; `status` and `request` say how to answer it.
    """
    if len(data) > MAX_MESSAGE:
        raise SipMessageError(f"a message of {len(data)} octets is too large", status=513)
    head, body = _divide(data.lstrip(b"\r\n"))
    first, fields = read_head(head)
    headers = Headers()
    for name, value in fields:
        headers.add(name, value)
    message: Request | Response
    if first[:4].upper() == "SIP/" and (status := _STATUS_LINE.fullmatch(first)):
        message = ReceivedResponse(int(status[1]), (status[2] or "").strip())
        message.headers = headers
        _complete(message, body)
        return message
    # What the first line lacks is found before the headers are checked; an answer needs those only.
    request = ReceivedRequest("", URI("invalid", host="invalid"))
    request.headers = headers
    try:
        _read_request_line(request, first)
        _complete(request, body)
    except SipMessageError as error:
        answerable = request if request.method and _is_answerable(request) else None
        raise SipMessageError(error.reason, status=error.status, request=answerable) from error
    return request


def write_message(message: Request | Response) -> bytes:
    """Write a SIP message, its `Content-Length` set to the length of its body.

    Raises:
        SipUsageError: A header, or the first line, holds a line end or another control character,
            which would forge a header; or the message is larger than any receiver has to take.
    """
    message.content_length = len(message.body)
    for name in message.headers.keys():  # noqa: SIM118 - sipmessage's Headers is no mapping
        for value in message.headers.getlist(name):
            check_header(name, value=value)
    if isinstance(message, Request):
        first = f"{message.method} {message.uri} SIP/2.0"
    else:
        first = f"SIP/2.0 {message.code} {message.phrase}"
    if _CONTROLS.search(first):
        raise SipUsageError(f"{first!r} is no first line of a SIP message")
    data = f"{first}\r\n{message.headers}".encode("utf-8", "replace") + message.body
    if len(data) > MAX_MESSAGE:
        raise SipUsageError(f"a message of {len(data)} octets is larger than {MAX_MESSAGE}")
    return data


def check_header(name: str, *, value: str) -> None:
    """Check that a header of ours can be written as one line.

    Raises:
        SipUsageError: Its name is no token, or its value holds a line end or another control
            character, which would forge a header.
    """
    if _CONTROLS.search(value) or not _TOKEN.fullmatch(name):
        raise SipUsageError(f"{name!r}: {value!r} is no header")


def read_head(head: bytes) -> tuple[str, list[tuple[str, str]]]:
    """Divide the head of a message into its first line, and its headers by their long names.

    Raises:
        SipMessageError: A line is no header, or there are too many.
    """
    if len(head) > MAX_HEAD:
        raise SipMessageError(f"headers of {len(head)} octets are too large", status=513)
    first, *lines = _unfolded(_LINE_END.split(head.decode("utf-8", "replace")))
    if len(lines) > MAX_HEADERS:
        raise SipMessageError(f"{len(lines)} headers are more than {MAX_HEADERS}", status=513)
    if _CONTROLS.search(first):
        raise SipMessageError("the first line holds a control character")
    return first.strip(" "), [_field(line) for line in lines]


def _unfolded(lines: list[str]) -> Iterator[str]:
    """Join each line that begins with a space or tab to the one before (RFC 3261 section 7.3.1)."""
    parts = [lines[0]]
    for line in lines[1:]:
        if line[:1] in (" ", "\t"):
            parts.append(line.strip(" \t"))
            continue
        yield " ".join(parts)
        parts = [line]
    yield " ".join(parts)


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    name = name.rstrip(" \t")
    if len(line) > MAX_HEADER:
        raise SipMessageError(f"a header {name[:40]!r} of {len(line)} characters", status=513)
    if not colon or not _TOKEN.fullmatch(name):
        raise SipMessageError(f"the line {line[:80]!r} is no header")
    if _CONTROLS.search(value):
        raise SipMessageError(f"the header {name} holds a control character")
    return COMPACT_FORMS.get(name.lower(), name), value.strip(" \t")


def _divide(data: bytes) -> tuple[bytes, bytes]:
    if not data:
        raise SipMessageError("an empty message")
    end = HEAD_END.search(data)
    if not end:
        raise SipMessageError("no empty line ends the headers")
    return data[: end.start()], data[end.end() :]


def _read_request_line(request: Request, first: str) -> None:
    method, _, rest = first.partition(" ")
    uri, _, version = rest.rpartition(" ")
    if not _TOKEN.fullmatch(method) or not _VERSION.fullmatch(version):
        raise SipMessageError(f"{first[:80]!r} begins neither a request nor a response")
    request.method = method
    if version.upper() != "SIP/2.0":
        raise SipMessageError(f"the version {version} is not SIP/2.0", status=505)
    try:
        request.uri = parse_uri(uri)
    except ValueError as error:
        raise SipMessageError(f"Request-URI: {error}") from error


def _complete(message: Request | Response, body: bytes) -> None:
    """Check the headers, and give the message its body."""
    headers = message.headers
    for name in _MANDATORY:
        if not headers.get(name):
            raise SipMessageError(f"the header {name} is missing or empty")
    for name in _SINGLE:
        if len(headers.getlist(name)) > 1:
            raise SipMessageError(f"the header {name} stands there more than once")
    for name, end in _NUMBERS.items():
        text = headers.get(name)
        value = whole_number(text) if text is not None else 0
        if value is None or value >= end:
            raise SipMessageError(f"{name}: {text!r} is no number below {end}")
    if len(headers["Call-ID"].split()) != 1:
        raise SipMessageError(f"Call-ID: {headers['Call-ID']!r} is not one word")
    for name, read in _READ.items():
        try:
            read(message)
        except ValueError as error:
            raise SipMessageError(f"{name}: {error}") from error
    if isinstance(message, Request):
        _check_method(message)
    length = message.content_length
    if length is not None and length > len(body):
        raise SipMessageError(f"a body of {len(body)} octets, where {length} are announced")
    message.body = body[:length]


def _check_method(request: Request) -> None:
    if request.cseq.method != request.method:
        raise SipMessageError(f"CSeq: {request.cseq.method} in a request {request.method}")
    values = request.headers.getlist("Contact")
    if "*" in values and (request.method != "REGISTER" or len(values) > 1):
        raise SipMessageError("Contact: * stands alone, and in a REGISTER only")


def _is_answerable(request: Request) -> bool:
    headers = request.headers
    try:
        vias = request.via
    except ValueError:
        return False
    once = all(len(headers.getlist(name)) == 1 and headers[name] for name in _MANDATORY[1:])
    return once and bool(vias)


def _contacts(text: str) -> list[Address]:
    return [] if text.strip() == "*" else parse_addresses(text)


#: Accessors that raise nothing once a message is parsed, by the header that they read.
_READ: Final[dict[str, Callable[[Message], object]]] = {
    "Via": lambda message: message.via,
    "From": lambda message: message.from_address,
    "To": lambda message: message.to_address,
    "CSeq": lambda message: message.cseq,
    "Contact": lambda message: message.contact,
    "Route": lambda message: message.route,
    "Record-Route": lambda message: message.record_route,
    "Content-Type": lambda message: message.content_type,
}
