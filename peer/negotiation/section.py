"""Owns what the session part and the m-sections of a description share: lines and views."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NoReturn, Self, TypeVar

from peer.errors import CandidateError, DescriptionError, FingerprintError, SdpSyntaxError
from peer.identity.fingerprints import Fingerprint
from peer.negotiation.grammar import (
    MAX_MID_LENGTH,
    ice_password,
    ice_username_fragment,
    tls_id,
    words,
)
from peer.negotiation.structure import Connection, Direction, Setup

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.negotiation.lines import Line

T = TypeVar("T")


@dataclass(frozen=True)
class Section:
    """Lines that belong together, and the views that the session part and m-sections share.

    Every view is read when the section is made, so a section that exists is well-formed. Lines that
    no view reads are kept untouched. Edits return a new section.

    Raises:
        DescriptionError: A line is malformed, or an attribute that may stand once contradicts
            itself; the error quotes the line.
    """

    lines: tuple[Line, ...]

    _views: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._views = tuple(
            dict.fromkeys(
                name
                for owner in reversed(cls.__mro__)
                for name, member in vars(owner).items()
                if isinstance(member, cached_property)
            )
        )

    def __post_init__(self) -> None:
        for view in self._views:
            getattr(self, view)

    def __str__(self) -> str:
        return "".join(map(str, self.lines))

    @cached_property
    def _attributes(self) -> dict[str, tuple[Line, ...]]:
        found: dict[str, list[Line]] = {}
        for line in self.lines:
            if line.type == "a":
                found.setdefault(line.value.partition(":")[0], []).append(line)
        return {name: tuple(lines) for name, lines in found.items()}

    def has(self, name: str) -> bool:
        """Whether an attribute stands here."""
        return name in self._attributes

    def attribute(self, name: str) -> str | None:
        """The first value of an attribute: `""` for a flag, None where it is missing."""
        lines = self._attributes.get(name)
        return lines[0].argument if lines else None

    def attributes(self, name: str) -> tuple[Line, ...]:
        """All lines of an attribute, in their order."""
        return self._attributes.get(name, ())

    def of_type(self, type: str) -> tuple[Line, ...]:  # noqa: A002 - the RFC's word
        """All lines of a type, in their order."""
        return tuple(line for line in self.lines if line.type == type)

    def with_lines(self, *lines: Line) -> Self:
        """The section with lines at its end."""
        return replace(self, lines=(*self.lines, *lines))

    def inserted(self, index: int, *lines: Line) -> Self:
        """The section with lines in front of the line that stands at `index`."""
        return replace(self, lines=(*self.lines[:index], *lines, *self.lines[index:]))

    def without(self, *names: str) -> Self:
        """The section without these attributes."""
        return replace(self, lines=tuple(line for line in self.lines if line.name not in names))

    def replaced(self, name: str, *lines: Line) -> Self:
        """The section with these lines where the attribute stood first, or else at the end."""
        kept = [line for line in self.lines if line.name != name]
        place = next((i for i, line in enumerate(self.lines) if line.name == name), len(kept))
        return replace(self, lines=(*kept[:place], *lines, *kept[place:]))

    @cached_property
    def setup(self) -> Setup | None:
        """`a=setup` as it stands here."""
        return self._one("setup", Setup.parse)

    @cached_property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """`a=fingerprint` as it stands here."""
        return self._every("fingerprint", Fingerprint.parse, FingerprintError)

    @cached_property
    def tls_id(self) -> str | None:
        """`a=tls-id` as it stands here (RFC 8842 section 4)."""
        return self._one("tls-id", tls_id)

    @cached_property
    def ice_ufrag(self) -> str | None:
        """`a=ice-ufrag` as it stands here."""
        return self._one("ice-ufrag", ice_username_fragment)

    @cached_property
    def ice_pwd(self) -> str | None:
        """`a=ice-pwd` as it stands here."""
        return self._one("ice-pwd", ice_password)

    @cached_property
    def ice_options(self) -> tuple[str, ...]:
        """`a=ice-options` as it stands here, for example `("trickle",)`."""
        return tuple(tag for line in self.attributes("ice-options") for tag in words(line.argument))

    @cached_property
    def stated_direction(self) -> Direction | None:
        """The direction as it stands here, or None."""
        stated = [line for name in Direction for line in self.attributes(name)]
        if len({line.name for line in stated}) > 1:
            self._refuse("a section has one direction", stated[-1])
        return Direction(stated[0].name or "") if stated else None

    @cached_property
    def connection(self) -> Connection | None:
        """The first `c=` line."""
        lines = [
            (line, self._parsed(line, line.value, Connection.parse)) for line in self.of_type("c")
        ]
        return lines[0][1] if lines else None

    @property
    def end_of_candidates(self) -> bool:
        """Whether no more candidates will follow (RFC 8840 section 4.2)."""
        return self.has("end-of-candidates")

    def _every(
        self,
        name: str,
        parse: Callable[[str], T],
        error: type[DescriptionError] = SdpSyntaxError,
    ) -> tuple[T, ...]:
        lines = self._attributes.get(name, ())
        return tuple(self._parsed(line, line.argument, parse, error) for line in lines)

    def _one(self, name: str, parse: Callable[[str], T]) -> T | None:
        values = self._every(name, parse)
        for value, line in zip(values, self.attributes(name), strict=True):
            if value != values[0]:
                self._refuse(f"a section has one {name}", line)
        return values[0] if values else None

    def _parsed(
        self,
        line: Line,
        text: str,
        parse: Callable[[str], T],
        error: type[DescriptionError] = SdpSyntaxError,
    ) -> T:
        try:
            return parse(text)
        except CandidateError as cause:
            self._refuse(cause.reason, line, error, cause)
        except ValueError as cause:
            self._refuse(str(cause), line, error, cause)

    def _refuse(
        self,
        reason: str,
        line: Line,
        error: type[DescriptionError] = SdpSyntaxError,
        cause: Exception | None = None,
    ) -> NoReturn:
        mid = (self.attribute("mid") or "")[:MAX_MID_LENGTH]
        raise error(reason, line=line.text, line_number=line.number, mid=mid or None) from cause
