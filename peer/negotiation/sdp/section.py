"""Reads one section of a session description by views, each kept with what its lines mean.

A section that exists is well-formed: each of its lines that a view reads is read when the section
is made. Lines that no view reads are kept untouched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, Self, TypeVar, overload

from peer.errors import CandidateError, DescriptionError, FingerprintError, SdpSyntaxError
from peer.identity.fingerprints import Fingerprint
from peer.negotiation.sdp.attributes import ConnectionLine, MediaDirection, Setup
from peer.negotiation.sdp.lines import (
    MAX_MID_LENGTH,
    Line,
    ice_password,
    ice_username_fragment,
    tls_id,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")
S = TypeVar("S", bound="Section")

_DIRECTIONS = tuple(MediaDirection)


class View(Generic[S, T]):
    """Meaning of some lines of a section, read once and kept in the section.

    Args:
        read: Reads the lines.
        lines: Which lines it reads: names of attributes, or a type as in `c=`.
        given: Which other lines decide how it reads those.
    """

    def __init__(
        self, read: Callable[[S], T], *, lines: tuple[str, ...], given: tuple[str, ...]
    ) -> None:
        self._read = read
        self.lines = lines
        self.depends_on = frozenset((*lines, *given))
        self.__doc__ = read.__doc__

    def __set_name__(self, owner: type[S], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, section: None, owner: type[S]) -> Self: ...

    @overload
    def __get__(self, section: S, owner: type[S]) -> T: ...

    def __get__(self, section: S | None, owner: type[S]) -> Self | T:
        if section is None:
            return self
        # The kept value hides the view from then on, as with `functools.cached_property`.
        value = self._read(section)
        section.__dict__[self._name] = value
        return value


def view(*lines: str, given: tuple[str, ...] = ()) -> Callable[[Callable[[S], T]], View[S, T]]:
    """Make the decorator of a view; see `View`."""
    return lambda read: View(read, lines=lines, given=given)


@dataclass(frozen=True)
class Section:
    """One section of a description, with the views that all sections share.

    Edits return another section.

    Raises:
        DescriptionError: A line is malformed, or an attribute that may stand once contradicts
            itself; the error quotes the line.
    """

    lines: tuple[Line, ...]

    # Views of the class by their names, and their names by the lines that they read.
    _views: ClassVar[Mapping[str, View[Any, Any]]] = {}
    _readers: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __init_subclass__(cls) -> None:
        members = [member for owner in reversed(cls.__mro__) for member in vars(owner).items()]
        cls._views = {name: member for name, member in members if isinstance(member, View)}
        readers: dict[str, tuple[str, ...]] = {}
        for name, each in cls._views.items():
            for line in each.lines:
                readers[line] = (*readers.get(line, ()), name)
        cls._readers = readers

    def __post_init__(self) -> None:
        self._check()
        self._read(self._lines)

    def _check(self) -> None:
        """Refuse lines that stand where no line of their type may."""

    def _read(self, names: Iterable[str]) -> None:
        """Read the lines of these names by all of their views."""
        for name in names:
            for each in self._readers.get(name, ()):
                getattr(self, each)

    def _refuse_types(self, types: str, *, place: str) -> None:
        """Refuse lines of these types behind the first line."""
        for each in types:
            behind = (line for line in self.of_type(each) if line is not self.lines[0])
            if (line := next(behind, None)) is not None:
                self._refuse(f"{place} has no {each}= line here", line)

    def __str__(self) -> str:
        return "".join(map(str, self.lines))

    @view()
    def _lines(self) -> dict[str, list[Line]]:
        """Lines by the name of their attribute, all others by their type as in `c=`."""
        found: dict[str, list[Line]] = {}
        for line in self.lines:
            found.setdefault(line.key, []).append(line)
        return found

    def has(self, name: str) -> bool:
        """Tell whether the section has an attribute."""
        return name in self._lines

    def attribute(self, name: str) -> str | None:
        """Give the first value of an attribute: `""` for a flag, None where it is missing."""
        lines = self._lines.get(name)
        return lines[0].argument if lines else None

    def attributes(self, name: str) -> tuple[Line, ...]:
        """List the lines of an attribute in their order."""
        return tuple(self._lines.get(name, ()))

    def of_type(self, type: str) -> tuple[Line, ...]:  # noqa: A002 - the RFC's word
        """List the lines of a type in their order, attributes excepted."""
        return tuple(self._lines.get(f"{type}=", ()))

    def with_lines(self, *lines: Line) -> Self:
        """Give the section with lines added at its end."""
        return self._edited((*self.lines, *lines), changed=(line.key for line in lines))

    def inserted(self, index: int, *lines: Line) -> Self:
        """Give the section with lines added in front of the line at `index`."""
        edited = (*self.lines[:index], *lines, *self.lines[index:])
        return self._edited(edited, changed=(line.key for line in lines))

    def without(self, *names: str) -> Self:
        """Give the section without some attributes."""
        kept = tuple(line for line in self.lines if line.name not in names)
        return self._edited(kept, changed=names)

    def replaced(self, name: str, *lines: Line) -> Self:
        """Give the section with lines in place of an attribute, at the end where there is none."""
        kept = [line for line in self.lines if line.name != name]
        place = next((i for i, line in enumerate(self.lines) if line.name == name), len(kept))
        edited = (*kept[:place], *lines, *kept[place:])
        return self._edited(edited, changed=(name, *(line.key for line in lines)))

    def _edited(self, lines: tuple[Line, ...], *, changed: Iterable[str], **known: object) -> Self:
        """Give a section with other lines, for which only what has changed is read anew.

        Args:
            lines: All of its lines.
            changed: Names of lines that are new, gone, or in another order among themselves.
            known: Values of views, by their names, that need not be read from those lines.
        """
        names = frozenset(changed)
        made = object.__new__(type(self))
        kept = made.__dict__
        kept["lines"] = lines
        for name, value in self.__dict__.items():
            each = self._views.get(name)
            if each is not None and each.lines and names.isdisjoint(each.depends_on):
                kept[name] = value
        kept.update(known)
        made._check()
        made._read(made._lines.keys() & names)
        return made

    @view("setup")
    def setup(self) -> Setup | None:
        """Value of `a=setup` in this section."""
        return self._one("setup", Setup.parse)

    @view("fingerprint")
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """Values of `a=fingerprint` in this section."""
        return self._every("fingerprint", Fingerprint.parse, FingerprintError)

    @view("tls-id")
    def tls_id(self) -> str | None:
        """Value of `a=tls-id` in this section (RFC 8842 section 4)."""
        return self._one("tls-id", tls_id)

    @view("ice-ufrag")
    def ice_ufrag(self) -> str | None:
        """Value of `a=ice-ufrag` in this section."""
        return self._one("ice-ufrag", ice_username_fragment)

    @view("ice-pwd")
    def ice_pwd(self) -> str | None:
        """Value of `a=ice-pwd` in this section."""
        return self._one("ice-pwd", ice_password)

    @view("ice-options")
    def ice_options(self) -> tuple[str, ...]:
        """Tags of `a=ice-options` in this section, for example `("trickle",)`."""
        return tuple(tag for line in self.attributes("ice-options") for tag in words(line.argument))

    @view(*_DIRECTIONS)
    def stated_direction(self) -> MediaDirection | None:
        """Direction that this section states, or None."""
        stated = [line for name in _DIRECTIONS for line in self.attributes(name)]
        if len({line.name for line in stated}) > 1:
            self._refuse("a section has one direction", stated[-1])
        return MediaDirection(stated[0].name or "") if stated else None

    @view("c=")
    def connection(self) -> ConnectionLine | None:
        """Value of the first `c=` line."""
        lines = [
            (line, self._parsed(line, line.value, ConnectionLine.parse))
            for line in self.of_type("c")
        ]
        return lines[0][1] if lines else None

    @property
    def end_of_candidates(self) -> bool:
        """True where no more candidates will follow (RFC 8840 section 4.2)."""
        return self.has("end-of-candidates")

    def _every(
        self,
        name: str,
        parse: Callable[[str], T],
        error: type[DescriptionError] = SdpSyntaxError,
    ) -> tuple[T, ...]:
        lines = self._lines.get(name, ())
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
