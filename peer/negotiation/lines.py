"""Owns one line of a session description: what may stand in it, so that nothing can be injected."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

CRLF = "\r\n"

# RFC 8866 section 9: attribute-name is a token.
_TOKEN = r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+"
_ATTRIBUTE_NAME = re.compile(_TOKEN)
_ATTRIBUTE = re.compile(rf"{_TOKEN}(?::|\Z)")
_FORBIDDEN = re.compile(r"[\r\n\0]")
_LINE_ENDS = frozenset({CRLF, "\n", ""})


@dataclass(frozen=True, slots=True)
class Line:
    """One line, `type=value`.

    Two lines are equal where they say the same: `number` and `eol` do not count.

    Args:
        type: One ASCII letter, for example `m` or `a`.
        value: What stands behind the `=`; for an attribute `name` or `name:value`.
        number: Its place in the text that it was read from, counted from 1.
        eol: How the line ends: CRLF, LF, or nothing at all for the last one.

    Raises:
        ValueError: The value holds CR, LF or NUL, cannot be written as UTF-8, or is an attribute
            without a name; the type is no letter; or `eol` is something else.
    """

    type: str
    value: str
    number: int | None = field(default=None, compare=False)
    eol: str = field(default=CRLF, compare=False)

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

    @classmethod
    def parse(cls, text: str, number: int | None = None, eol: str = CRLF) -> Line:
        """Read `type=value`, without the line end.

        Raises:
            ValueError: As above.
        """
        if text[1:2] != "=":
            raise ValueError("a line starts with one letter and `=`")
        return cls(text[0], text[2:], number, eol)

    @classmethod
    def attribute(cls, name: str, value: object = None) -> Line:
        """Write `a=name`, or `a=name:value` where there is a value.

        Raises:
            ValueError: The name is no token, or the value holds CR, LF or NUL.
        """
        if not _ATTRIBUTE_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no attribute name")
        return cls("a", name if value is None else f"{name}:{value}")

    @property
    def text(self) -> str:
        """The line without its end."""
        return f"{self.type}={self.value}"

    @property
    def name(self) -> str | None:
        """The attribute name, or None for a line that is no attribute."""
        return self.value.partition(":")[0] if self.type == "a" else None

    @property
    def argument(self) -> str:
        """What follows the attribute's colon; `""` for a flag and for other lines."""
        return self.value.partition(":")[2] if self.type == "a" else ""

    def __str__(self) -> str:
        return self.text + self.eol


def _require_utf8(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError("a line cannot be written as UTF-8") from error
