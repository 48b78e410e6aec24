"""Cuts the text of a session description into the lines of its sections, within limits. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from peer.errors import SdpLimitError, SdpSyntaxError
from peer.negotiation.sdp.lines import CRLF, Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.configuration import SdpLimits


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
