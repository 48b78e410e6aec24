"""Lines of a session description, and the words and numbers in them (RFC 8866 section 9). PURE.

A `Line` holds no CR, LF or NUL, so that no value can inject another line.
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING, NoReturn

from peer.errors import SdpLimitError, SdpSyntaxError
from peer.ice import ICE_PWD, ICE_UFRAG
from peer.printable import without_secrets
from peer.values import assign, dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.configuration import SdpLimits

#: End of a line as we write it (RFC 8866 section 5).
CRLF = "\r\n"
#: Greatest 32-bit number, for SSRCs and clock rates.
MAX_UINT32 = 2**32 - 1
#: Greatest 64-bit number, for the session id and version (RFC 8866 section 5.2).
MAX_UINT64 = 2**64 - 1
#: Longest mid in octets: a two-byte header extension carries no more (RFC 8285 section 4.3).
MAX_MID_LENGTH = 255

# RFC 8866 section 9: attribute-name is a token.
_TOKEN = r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+"
_ATTRIBUTE_NAME = re.compile(_TOKEN)
# A space behind a flag is kept, for `leniency` to judge.
_ATTRIBUTE = re.compile(rf"{_TOKEN}(?::| *\Z)")
_FORBIDDEN = re.compile(r"[\r\n\0]")
_LINE_ENDS = frozenset({CRLF, "\n", ""})
_MID = re.compile(rf"[^ ]{{1,{MAX_MID_LENGTH}}}")
_TLS_ID = re.compile(r"[A-Za-z0-9+/_-]{20,255}")


@dataclass(frozen=True, slots=True)
class Line:
    """One line `type=value` of a session description.

    Lines compare equal by type and value: `number` and `eol` do not count. The `repr` shows no
    password.

    Args:
        type: One ASCII letter, for example `m` or `a`.
        value: The text behind the `=`; for an attribute `name` or `name:value`.
        number: Number of the line in the text that it was read from, counted from 1.
        eol: End of the line: CRLF, LF, or nothing at all for the last one.

    Attributes:
        key: Name of the attribute, or the type as in `c=`: an attribute's name holds no `=`.

    Raises:
        ValueError: The value holds CR, LF or NUL, cannot be written as UTF-8, or is an attribute
            without a name; the type is no letter; or `eol` is something else.
    """

    type: str
    value: str
    number: int | None = field(default=None, compare=False)
    eol: str = field(default=CRLF, compare=False)
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.type) != 1 or not (self.type.isascii() and self.type.isalpha()):
            raise ValueError("a line starts with one letter and `=`")
        if _FORBIDDEN.search(self.value):
            raise ValueError("a line holds no CR, LF or NUL")
        if not self.value.isascii():
            _require_utf8(self.value)
        if self.type == "a" and not _ATTRIBUTE.match(self.value):
            raise ValueError("an attribute is `a=name` or `a=name:value`")
        if self.eol not in _LINE_ENDS:
            raise ValueError("a line ends with CRLF, LF or nothing")
        is_attribute = self.type == "a"
        assign(self, "key", self.value.partition(":")[0] if is_attribute else f"{self.type}=")

    @classmethod
    def parse(cls, text: str, number: int | None = None, *, eol: str = CRLF) -> Line:
        """Read a line `type=value` without its end.

        Raises:
            ValueError: The text is no such line, or `Line` refuses it.
        """
        if text[1:2] != "=":
            raise ValueError("a line starts with one letter and `=`")
        return cls(text[0], text[2:], number, eol)

    @classmethod
    def attribute(cls, name: str, value: object = None) -> Line:
        """Make `a=name`, or `a=name:value` where there is a value.

        Raises:
            ValueError: The name is no token, or the value holds CR, LF or NUL.
        """
        if not _ATTRIBUTE_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no attribute name")
        return cls("a", name if value is None else f"{name}:{value}")

    @property
    def text(self) -> str:
        """The text of the line without its end."""
        return f"{self.type}={self.value}"

    @property
    def name(self) -> str | None:
        """Name of the attribute; None for a line that is no attribute."""
        return self.key if self.type == "a" else None

    @property
    def argument(self) -> str:
        """Value of the attribute, behind the colon; `""` for a flag and for other lines."""
        return self.value.partition(":")[2] if self.type == "a" else ""

    def __str__(self) -> str:
        return self.text + self.eol

    def __repr__(self) -> str:
        place = "" if self.number is None else f", number={self.number}"
        return f"<Line {without_secrets(self.text)!r}{place}>"


def read_sections(text: str, limits: SdpLimits) -> list[list[Line]]:
    """Read the lines of the session section and of each m-section.

    Args:
        text: Lines that end in CRLF or LF; the last may end in neither.
        limits: Bounds of what is read; `size` is in bytes of UTF-8.

    Raises:
        SdpLimitError: A bound is exceeded.
        SdpSyntaxError: A line is no line of SDP.
    """
    _require_size(text, limits)
    sections: list[list[Line]] = [[]]
    attributes = 0
    for line in _lines(text):
        if line.type == "m":
            if len(sections) > limits.media_sections:
                _exceeded(f"there are more than {limits.media_sections} m-sections", line)
            sections.append([])
            attributes = 0
        elif line.type == "a":
            attributes += 1
            if attributes > limits.attributes:
                _exceeded(f"a section has more than {limits.attributes} attributes", line)
        sections[-1].append(line)
    return sections


def _lines(text: str) -> Iterator[Line]:
    rows = text.split("\n")
    # Text behind the last LF is a line of its own, no text is none.
    last = rows.pop()
    for row_number, row in enumerate(rows, 1):
        if row.endswith("\r"):
            yield _line(row[:-1], row_number, eol=CRLF)
        else:
            yield _line(row, row_number, eol="\n")
    if last:
        yield _line(last, len(rows) + 1, eol="")


def _line(text: str, number: int, *, eol: str) -> Line:
    try:
        return Line.parse(text, number, eol=eol)
    except ValueError as error:
        raise SdpSyntaxError(str(error), line=text, line_number=number) from error


def _require_size(text: str, limits: SdpLimits) -> None:
    # The length comes first, so that a text of too many characters is not even encoded.
    size = len(text)
    if size <= limits.size and not text.isascii():
        size = len(text.encode(errors="surrogatepass"))
    if size > limits.size:
        raise SdpLimitError(f"a description is longer than {limits.size} bytes")


def _exceeded(reason: str, line: Line) -> NoReturn:
    raise SdpLimitError(reason, line=line.text, line_number=line.number)


def _require_utf8(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError("a line cannot be written as UTF-8") from error


def words(text: str) -> list[str]:
    """Split the fields of a line at spaces only: `str.split` knows many more characters."""
    return [word for word in text.split(" ") if word]


def number(text: str, *, low: int, high: int, name: str) -> int:
    """Read a decimal number between two bounds.

    Args:
        text: The number, without spaces.
        low: Least value.
        high: Greatest value.
        name: What the number is, for the error.

    Raises:
        ValueError: The text is no number, or one that is out of bounds.
    """
    # `isascii` because str.isdigit is true of digits that no other stack writes; the length because
    # int() takes quadratic time.
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and low <= int(text) <= high):
        raise ValueError(f"the {name} is a number from {low} to {high}")
    return int(text)


def joined(*fields: str | None) -> str:
    """Join fields with spaces; those that are None are left out."""
    return " ".join(field for field in fields if field is not None)


def mid(text: str) -> str:
    """Read the identification tag of an m-section (RFC 5888 section 4).

    Raises:
        ValueError: The mid is not one word, or too long to travel in a header extension.
    """
    return _matched(_MID, text, reason=f"a mid is one word of at most {MAX_MID_LENGTH} characters")


def ice_username_fragment(text: str) -> str:
    """Read an ICE username fragment (RFC 8839 section 5.4).

    Raises:
        ValueError: The text is no username fragment.
    """
    return _matched(ICE_UFRAG, text, reason="ice-ufrag is 4 to 256 letters, digits, `+` or `/`")


def ice_password(text: str) -> str:
    """Read an ICE password (RFC 8839 section 5.4).

    Raises:
        ValueError: The text is no password.
    """
    return _matched(ICE_PWD, text, reason="ice-pwd is 22 to 256 letters, digits, `+` or `/`")


def tls_id(text: str) -> str:
    """Read the identity of a DTLS association (RFC 8842 section 4).

    Raises:
        ValueError: The text is no tls-id.
    """
    return _matched(
        _TLS_ID, text, reason="tls-id is 20 to 255 letters, digits, `+`, `/`, `-` or `_`"
    )


def _matched(pattern: re.Pattern[str], text: str, *, reason: str) -> str:
    word = text.strip(" ")
    if not pattern.fullmatch(word):
        raise ValueError(reason)
    return word
