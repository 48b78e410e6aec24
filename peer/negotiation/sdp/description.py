"""Session descriptions (RFC 8866), read without loss and written back to the same text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn, Self

from peer.configuration import SdpLimits
from peer.errors import SdpLimitError, SdpSyntaxError
from peer.negotiation.sdp.attributes import Group, MediaDirection, Setup
from peer.negotiation.sdp.lines import CRLF, Line
from peer.negotiation.sdp.sections import MediaSection, Section, SessionSection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.identity.fingerprints import Fingerprint

_DEFAULT_LIMITS = SdpLimits()


@dataclass(frozen=True)
class Sdp:
    """A session description (RFC 8866): the session section and the m-sections.

    Descriptions compare equal by their lines.

    Raises:
        SdpSyntaxError: Two m-sections have the same mid.
    """

    session: SessionSection
    media: tuple[MediaSection, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for section in self.media:
            if section.mid is None:
                continue
            if section.mid in seen:
                line = section.attributes("mid")[0]
                raise SdpSyntaxError(
                    "two m-sections have the same mid",
                    line=line.text,
                    line_number=line.number,
                    mid=section.mid,
                )
            seen.add(section.mid)

    @classmethod
    def parse(cls, text: str, limits: SdpLimits = _DEFAULT_LIMITS) -> Self:
        """Read the text of a description.

        Args:
            text: Lines that end in CRLF or LF; the last may end in neither.
            limits: Bounds of what is read; `size` is in bytes of UTF-8.

        Raises:
            SdpLimitError: A bound is exceeded.
            SdpSyntaxError: A line is malformed, or a line that must be there is missing.
            FingerprintError: A fingerprint is malformed.
        """
        _require_size(text, limits)
        parts: list[list[Line]] = [[]]
        attributes = 0
        for line in _lines(text):
            if line.type == "m":
                if len(parts) > limits.media_sections:
                    _exceeded(f"there are more than {limits.media_sections} m-sections", line)
                parts.append([])
                attributes = 0
            elif line.type == "a":
                attributes += 1
                if attributes > limits.attributes:
                    _exceeded(f"a section has more than {limits.attributes} attributes", line)
            parts[-1].append(line)
        return cls(
            SessionSection(tuple(parts[0])),
            tuple(MediaSection(tuple(part)) for part in parts[1:]),
        )

    def __str__(self) -> str:
        lines = [*self.session.lines, *(line for section in self.media for line in section.lines)]
        # A line without an end was the last one; something may have been appended since.
        ended = (f"{line.text}{line.eol or CRLF}" for line in lines[:-1])
        return "".join((*ended, str(lines[-1])))

    @property
    def bundle_groups(self) -> tuple[Group, ...]:
        """The BUNDLE groups of the description (RFC 9143)."""
        return tuple(group for group in self.session.groups if group.semantics == "BUNDLE")

    def section(self, mid: str) -> MediaSection | None:
        """Find the m-section with a mid; None where there is none."""
        return self._sections.get(mid)

    def bundled(self, mid: str) -> tuple[str, ...]:
        """List the live m-sections that share a transport with this one, itself included.

        The tagged m-section, whose transport they share, stands first (RFC 9143 section 2).
        """
        return self._bundles.get(mid, (mid,))

    def with_session(self, session: SessionSection) -> Self:
        """Give the description with another session section."""
        return replace(self, session=session)

    def with_media(self, index: int, section: MediaSection) -> Self:
        """Give the description with another m-section at `index`, or one more at the end.

        Raises:
            IndexError: `index` is negative or beyond the end.
        """
        if not 0 <= index <= len(self.media):
            raise IndexError(f"there is no m-section {index}")
        return replace(self, media=(*self.media[:index], section, *self.media[index + 1 :]))

    def direction(self, section: MediaSection) -> MediaDirection:
        """Read the direction of an m-section, else of the session (RFC 8866 section 6.7)."""
        return section.stated_direction or self.session.direction or MediaDirection.SENDRECV

    def transport_setup(self, section: MediaSection) -> Setup | None:
        """Read the `a=setup` that holds for an m-section."""
        return next((s.setup for s in self._carriers(section) if s.setup), None)

    def transport_fingerprints(self, section: MediaSection) -> tuple[Fingerprint, ...]:
        """Read the fingerprints that hold for an m-section (RFC 8122 section 5)."""
        return next((s.fingerprints for s in self._carriers(section) if s.fingerprints), ())

    def transport_ice(self, section: MediaSection) -> tuple[str | None, str | None]:
        """Read the ICE username fragment and password that hold for an m-section."""
        carriers = self._carriers(section)
        return (
            next((s.ice_ufrag for s in carriers if s.ice_ufrag), None),
            next((s.ice_pwd for s in carriers if s.ice_pwd), None),
        )

    def transport_ice_options(self, section: MediaSection) -> tuple[str, ...]:
        """Read the ICE options of an m-section and of the session."""
        return tuple(dict.fromkeys((*self.session.ice_options, *section.ice_options)))

    def transport_tls_id(self, section: MediaSection) -> str | None:
        """Read the `a=tls-id` that holds for an m-section (RFC 8842 section 4)."""
        return next((s.tls_id for s in self._carriers(section) if s.tls_id), None)

    def multiplexes_rtcp(self, section: MediaSection) -> bool:
        """Tell whether RTCP shares the port of RTP (RFC 5761)."""
        return any(carrier.has("rtcp-mux") for carrier in self._carriers(section))

    def _carriers(self, section: MediaSection) -> tuple[Section, ...]:
        """List the sections whose transport attributes hold for an m-section, the nearest first.

        RFC 9143 section 7.1.3 leaves them out of bundled m-sections, except of the tagged one.
        """
        tag = self._sections.get(self.bundled(section.mid)[0]) if section.mid else None
        return (section, self.session) if tag is None else (section, tag, self.session)

    @cached_property
    def _sections(self) -> dict[str, MediaSection]:
        return {section.mid: section for section in self.media if section.mid is not None}

    @cached_property
    def _bundles(self) -> dict[str, tuple[str, ...]]:
        live = {mid for mid, section in self._sections.items() if not section.rejected}
        groups = (tuple(m for m in group.mids if m in live) for group in self.bundle_groups)
        return {mid: members for members in groups for mid in members}


def _lines(text: str) -> Iterator[Line]:
    rows = text.split("\n")
    # Text behind the last LF is a line of its own, no text is none.
    last = rows.pop()
    for number, row in enumerate(rows, 1):
        if row.endswith("\r"):
            yield _line(row[:-1], number, eol=CRLF)
        else:
            yield _line(row, number, eol="\n")
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
