"""Parser of URIs, addresses and Via values of SIP (RFC 3261 section 25), linear in their length.

sipmessage 0.7 has the same as regular expressions, which take two addresses in one line for one,
divide quoted strings at a semicolon, and refuse what phones send: IPv6 without brackets in
`received`, unquoted names in UTF-8, schemes in capitals, URIs with headers. The values are its own.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from sipmessage import URI, Address, CSeq, MediaType, Parameters, Via

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_QUOTED: Final = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_TOKEN: Final = r"[\w.!%*+`'~-]+"
_PIECES: Final = {
    mark: re.compile(rf'[^"<{mark}]+|{_QUOTED}|<[^>]*>|{mark}', re.DOTALL) for mark in ",;"
}
_NAME_ADDRESS: Final = re.compile(rf'({_QUOTED}\s*|[^"<]*)<([^<>]*)>(.*)', re.DOTALL)
_PARAMETER_NAME: Final = re.compile(r"[\w.!%*+`'~\[\]/:&$-]+", re.ASCII)
#: Values that stand in a header as they are: a token, a host, or numbers and signs of either.
_PLAIN: Final = re.compile(r"[\w.!%*+`'~\[\]:/-]+", re.ASCII)
_VALUE: Final = re.compile(rf'{_QUOTED}|[^\s"<>;]*', re.DOTALL)
_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*", re.ASCII)
_NAME_OF_HOST: Final = re.compile(r"[a-zA-Z0-9_.-]+", re.ASCII)
_SUBSCRIBER: Final = re.compile(r"\+?[0-9a-fA-F*#.()-]+", re.ASCII)
_SENT_PROTOCOL: Final = re.compile(rf"SIP\s*/\s*2\.0\s*/\s*({_TOKEN})\s+", re.IGNORECASE | re.ASCII)
_MEDIA_TYPE: Final = re.compile(rf"({_TOKEN})\s*/\s*({_TOKEN})\s*", re.ASCII)
_CSEQ: Final = re.compile(rf"([0-9]{{1,10}})\s+({_TOKEN})", re.ASCII)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
#: Characters of a URI parameter that need no escape (RFC 3261 section 25.1: paramchar).
_PARAMETER_CHARACTERS: Final = "-_.!~*'()[]/:&+$"
#: Sequence numbers are below this one (RFC 3261 section 8.1.1.5).
_SEQUENCE_END: Final = 2**31
#: Greatest UDP or TCP port.
_LAST_PORT: Final = 65535


class SipParameters(Parameters):
    """Parameters of a SIP URI or header, which are written as they came.

    Names are in lower case. sipmessage's own class escapes each sign that a URL would, so that a
    tag with a `+` is another tag to its owner.

    Args:
        values: Values by name; None for a name alone.
        uri: Whether they belong to a URI, which escapes by `%`; a header quotes instead.
    """

    def __init__(
        self, values: Mapping[str, str | None] | None = None, *, uri: bool = False
    ) -> None:
        self._uri = uri
        self._values = dict(values or {})
        self._written = {name: _write(value, uri=uri) for name, value in self._values.items()}

    @classmethod
    def read(cls, text: str, *, uri: bool = False) -> SipParameters:
        """Parse `;name=value;name`; an empty place is passed over, the first of a name counts.

        Raises:
            ValueError: It is something else.
        """
        found = cls(uri=uri)
        places = _split(text, mark=";")
        if places[0]:
            raise ValueError(f"{places[0]!r} stands before the first parameter")
        for place in filter(None, places[1:]):
            name, equals, value = (part.strip() for part in place.partition("="))
            if not _PARAMETER_NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                raise ValueError(f"{place!r} is no parameter")
            name = name.lower()
            if name not in found._values:
                decoded = unquote(value) if uri else _unquote(value)
                found._values[name] = decoded if equals else None
                found._written[name] = value if equals else None
        return found

    def replace(self, **changes: str | None) -> SipParameters:
        """Return a copy of the parameters with these changes."""
        changed = SipParameters(uri=self._uri)
        changed._values = {**self._values, **changes}
        written = {name: _write(value, uri=self._uri) for name, value in changes.items()}
        changed._written = {**self._written, **written}
        return changed

    def __getitem__(self, key: str) -> str | None:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"SipParameters({self._values!r})"

    def __str__(self) -> str:
        return "".join(
            f";{name}" if value is None else f";{name}={value}"
            for name, value in self._written.items()
        )


def parse_uri(text: str) -> URI:
    """Parse a SIP, SIPS or tel URI; of another scheme `host` has all that follows it.

    URI headers (`?Replaces=...`), which a URI of sipmessage has no place for, are left out:
    `uri_headers` returns them.

    Raises:
        ValueError: It is no URI.
    """
    scheme, colon, rest = text.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme) or not rest:
        raise ValueError(f"{text!r} is no URI")
    if any(character.isspace() or character in '<>"' for character in rest):
        raise ValueError(f"{text!r} has a character that no URI has")
    match scheme.lower():
        case "sip" | "sips" as kind:
            return _sip_uri(rest, scheme=kind)
        case "tel":
            number, parameters = _before_parameters(rest)
            if not _SUBSCRIBER.fullmatch(number):
                raise ValueError(f"{number!r} is no telephone number")
            return URI(
                "tel", host="", user=number, parameters=SipParameters.read(parameters, uri=True)
            )
        case other:
            return URI(other, host=rest)


def uri_headers(text: str) -> dict[str, str]:
    """Return the headers of a SIP URI (RFC 3261 section 19.1.1) by their names in lower case."""
    _, _, place = text.rpartition("@")
    _, _, headers = place.partition("?")
    pairs = (each.partition("=")[::2] for each in headers.split("&") if each)
    return {unquote(name).lower(): unquote(value) for name, value in pairs}


def parse_address(text: str) -> Address:
    """Parse a `name-addr` or `addr-spec` with its parameters, as `From`, `To` and `Refer-To` have.

    Raises:
        ValueError: It is no address.
    """
    if found := _NAME_ADDRESS.fullmatch(text.strip()):
        name, uri, parameters = found.groups()
        return Address(parse_uri(uri.strip()), _unquote(name.strip()), _of_header(parameters))
    # RFC 3261 section 20.10: without brackets, what follows the semicolon is the header's.
    uri, parameters = _before_parameters(text.strip())
    return Address(parse_uri(uri.strip()), "", _of_header(parameters))


def uri_text(address: str) -> str:
    """Return the URI of an address as it stands there, with its headers."""
    found = _NAME_ADDRESS.fullmatch(address.strip())
    return (found[2] if found else address).strip()


def parse_addresses(text: str) -> list[Address]:
    """Parse addresses that commas divide.

    Raises:
        ValueError: One of them is none.
    """
    return [parse_address(each) for each in split_values(text)]


def parse_vias(text: str) -> list[Via]:
    """Parse values of `Via` that commas divide.

    Raises:
        ValueError: One of them is none.
    """
    return [_via(each) for each in split_values(text)]


def parse_media_type(text: str) -> MediaType:
    """Parse a value of `Content-Type`, its types in lower case.

    Raises:
        ValueError: It is none.
    """
    found = _MEDIA_TYPE.match(text.strip())
    if not found:
        raise ValueError(f"{text!r} is no media type")
    kind = f"{found[1]}/{found[2]}".lower()
    return MediaType(kind, _of_header(text.strip()[found.end() :]))


def parse_cseq(text: str) -> CSeq:
    """Parse a value of `CSeq`.

    Raises:
        ValueError: It is none, or its number is 2**31 or more.
    """
    found = _CSEQ.fullmatch(text.strip())
    if not found or int(found[1]) >= _SEQUENCE_END:
        raise ValueError(f"{text!r} is no number below 2**31 and a method")
    return CSeq(int(found[1]), found[2])


def whole_number(text: str) -> int | None:
    """Parse a number of at most ten digits; None where it is none."""
    # `int` takes signs, underscores and digits of other scripts as well.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def split_values(text: str) -> list[str]:
    """Divide a header at the commas that stand neither in quotes nor in angle brackets.

    Raises:
        ValueError: A value is empty, or a quote or bracket is not closed.
    """
    values = _split(text, mark=",")
    if not all(values):
        raise ValueError(f"{text!r} has an empty value")
    return values


def quoted(text: str) -> str:
    """Write a text as a quoted string (RFC 3261 section 25.1)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _sip_uri(rest: str, *, scheme: str) -> URI:
    before, at, place = rest.partition("@")
    if not at:
        before, place = "", rest
    elif not before:
        raise ValueError(f"{scheme}:{rest!r} has an empty user")
    user, colon, password = before.partition(":")
    place, _, _ = place.partition("?")
    where, parameters = _before_parameters(place)
    host, port = parse_host_port(where)
    return URI(
        scheme,
        host=host,
        user=unquote(user) if at else None,
        password=unquote(password) if colon else None,
        port=port,
        parameters=SipParameters.read(parameters, uri=True),
    )


def _via(text: str) -> Via:
    found = _SENT_PROTOCOL.match(text)
    if not found:
        raise ValueError(f"{text!r} does not begin with SIP/2.0 and a transport")
    place, parameters = _before_parameters(text[found.end() :])
    host, port = parse_host_port("".join(place.split()))
    return Via(found[1].upper(), host, port, _of_header(parameters))


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Parse a host, with IPv6 in brackets, and the port behind it.

    Raises:
        ValueError: It is none.
    """
    host, closing, rest = text.rpartition("]")
    host += closing
    if not closing:
        host, colon, rest = text.partition(":")
        rest = colon + rest
    port = rest[1:]
    if rest and not (rest[0] == ":" and port.isascii() and port.isdigit() and len(port) <= 5):
        raise ValueError(f"{text!r} is no host and port")
    if rest and int(port) > _LAST_PORT:
        raise ValueError(f"{port} is no port")
    if closing:
        if not host.startswith("["):
            raise ValueError(f"{host!r} is no host")
        ipaddress.IPv6Address(host[1:-1])
    elif not _NAME_OF_HOST.fullmatch(host):
        raise ValueError(f"{host!r} is no host")
    return host, int(port) if rest else None


def _of_header(text: str) -> SipParameters:
    return SipParameters.read(text.strip())


def _before_parameters(text: str) -> tuple[str, str]:
    place, semicolon, parameters = text.partition(";")
    return place, semicolon + parameters


def _split(text: str, *, mark: str) -> list[str]:
    values, place = [""], 0
    pieces = _PIECES[mark]
    while place < len(text):
        found = pieces.match(text, place)
        if not found:
            raise ValueError(f"{text[place:]!r} is not closed")
        place = found.end()
        if found[0] == mark:
            values.append("")
        else:
            values[-1] += found[0]
    return [value.strip() for value in values]


def _unquote(text: str) -> str:
    if len(text) < 2 or text[0] != '"':
        return text
    return _ESCAPED.sub(r"\1", text[1:-1])


def _write(value: str | None, *, uri: bool) -> str | None:
    if value is None:
        return None
    if uri:
        return quote(value, safe=_PARAMETER_CHARACTERS)
    return value if _PLAIN.fullmatch(value) else quoted(value)
