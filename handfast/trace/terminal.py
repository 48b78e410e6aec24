"""Ladder diagram for a terminal: two lifelines, arrows between them, and notes at each end.

Colour alone carries no information: arrows differ by their line, judgements by their sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from rich.cells import cell_len
from rich.text import Text

from handfast.trace.rows import (
    Arrow,
    ArrowOutcome,
    Failure,
    Ladder,
    Lifeline,
    Marks,
    Mood,
    Note,
    Pause,
    Row,
    Topic,
)
from handfast.trace.words import gap, milliseconds, short, tag
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderResult

#: Width of the column of times, in cells (ours).
_TIME: Final = 10
#: Least and greatest width of a drawing, in cells (ours).
_NARROWEST: Final = 48
_WIDEST: Final = 110
#: Share of the lane that notes of one end may fill, so that their end is seen (ours).
_SHARE: Final = 0.8

_STYLES: Final = {
    Topic.SIGNALING: "magenta",
    Topic.ICE: "yellow",
    Topic.DTLS: "cyan",
    Topic.MEDIA: "green",
}
_MOODS: Final = {Mood.PLAIN: "", Mood.GOOD: "green", Mood.BAD: "bold red"}


@dataclass(frozen=True, slots=True)
class _Glyphs:
    """Characters of a drawing; each is one cell wide."""

    shafts: dict[Topic, str]
    to_left: str
    to_right: str
    lost: str
    line: str
    gap: str
    state: str
    signs: dict[Mood, str]


_UNICODE: Final = _Glyphs(
    shafts={Topic.SIGNALING: "╌", Topic.ICE: "·", Topic.DTLS: "─", Topic.MEDIA: "━"},
    to_left="◀",
    to_right="▶",
    lost="\N{MULTIPLICATION X}",
    line="│",
    gap="┆",
    state="○",
    signs={Mood.PLAIN: "●", Mood.GOOD: "✔", Mood.BAD: "✘"},
)
_ASCII: Final = _Glyphs(
    shafts={Topic.SIGNALING: "~", Topic.ICE: ".", Topic.DTLS: "-", Topic.MEDIA: "="},
    to_left="<",
    to_right=">",
    lost="x",
    line="|",
    gap=":",
    state="o",
    signs={Mood.PLAIN: "*", Mood.GOOD: "+", Mood.BAD: "!"},
)
#: ASCII for the signs in the wording of a ladder; other characters become a question mark.
_IN_ASCII: Final = str.maketrans("·→←§…", "-><s.")


class TerminalLadder:
    """A ladder that `rich.console.Console.print` can draw.

    Args:
        ladder: The ladder to draw.
        details: Whether to list the details of each row, such as its datagrams.
    """

    def __init__(self, ladder: Ladder, *, details: bool = False) -> None:
        self._ladder = ladder
        self._details = details

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        glyphs = _ASCII if options.ascii_only else _UNICODE
        width = max(_NARROWEST, min(options.max_width, _WIDEST))
        for line in _Drawing(self._ladder, glyphs, width).lines(details=self._details):
            line.rstrip()
            line.no_wrap = True
            if options.ascii_only:
                plain = line.plain.translate(_IN_ASCII)
                line.plain = plain.encode("ascii", "replace").decode("ascii")
            yield line


class _Drawing:
    """One drawing of a ladder, whose lane is the space between the lifelines, in cells."""

    def __init__(self, ladder: Ladder, glyphs: _Glyphs, width: int) -> None:
        self._ladder = ladder
        self._glyphs = glyphs
        self._width = width
        self._lane = width - _TIME - 3

    def lines(self, *, details: bool) -> Iterator[Text]:
        ladder, glyphs = self._ladder, self._glyphs
        verdict = Text(f"{glyphs.signs[ladder.mood]} {ladder.verdict}", _MOODS[ladder.mood])
        yield from _wrapped(verdict, self._width)
        for remark in ladder.remarks:
            yield from _wrapped(Text(remark, "italic"), self._width)
        yield Text()
        yield self._heads()
        yield self._rung(None, Text())
        for row in ladder.rows:
            yield from self._row(row)
            for detail in row.details if details else ():
                for line in _wrapped(Text(detail, "dim"), self._lane - 6):
                    yield self._rung(None, Text.assemble("    ", line))
        yield self._rung(None, Text())
        yield Text()
        yield from _wrapped(self._legend(), self._width)

    def _heads(self) -> Text:
        room = self._lane // 2
        left, right = (_cut(name, room) for name in (self._ladder.left, self._ladder.right))
        space = self._lane + 2 - cell_len(left) - cell_len(right)
        return Text.assemble(" " * (_TIME + 1), (left, "bold"), " " * space, (right, "bold"))

    def _legend(self) -> Text:
        names = {
            Topic.SIGNALING: "signalling",
            Topic.ICE: "STUN",
            Topic.DTLS: "DTLS",
            Topic.MEDIA: "SRTP and data",
        }
        legend = Text(style="dim")
        for topic, name in names.items():
            legend.append(f"{self._glyphs.shafts[topic] * 3} {name}   ")
        legend.append(f"{self._glyphs.state} state")
        if self._ladder.has_associations:
            legend.append("   A1, A2 … DTLS associations, in their order")
        return legend

    def _row(self, row: Row) -> Iterator[Text]:
        match row:
            case Arrow():
                yield from self._arrow(row)
            case Note():
                sign = self._glyphs.signs[row.mood]
                said = Text(row.label, _MOODS[row.mood])
                yield from self._note(
                    row, _tagged(row, said), sign=sign, section=short(row.section)
                )
            case Marks():
                yield from self._note(
                    row, Text(", ".join(row.states), "dim"), sign=self._glyphs.state
                )
            case Failure():
                sign = self._glyphs.signs[Mood.BAD]
                yield from self._note(row, Text(f"FAILED: {row.sentence}", "bold red"), sign=sign)
            case Pause():
                words = gap(row.seconds, row.left_out).center(self._lane)
                yield self._rung(None, Text(words, "dim"), line=self._glyphs.gap)
            case _:
                assert_never(row)

    def _arrow(self, row: Arrow) -> Iterator[Text]:
        style = "bold red" if row.mood is Mood.BAD else _STYLES[row.topic]
        label = _tagged(row, Text(row.label, f"bold {style}"))
        time: float | None = row.time
        if cell_len(label.plain) > self._lane - 8:
            for line in _wrapped(label, self._lane - 4):
                yield self._rung(time, Text.assemble("  ", line))
                time = None
            label = Text()
        yield self._rung(time, self._shaft(row, label, style))
        note = row.note
        if row.outcome is ArrowOutcome.LOST:
            note += f" · not seen by {self._ladder.name(row.origin.other)}"
        yield from self._aside(Text(note, "dim"), short(row.section))

    def _shaft(self, row: Arrow, label: Text, style: str) -> Text:
        glyphs = self._glyphs
        shaft = glyphs.shafts[row.topic]
        said = Text.assemble(" ", label, " ") if label else Text()
        length = self._lane - cell_len(said.plain) - 3
        goes_left, goes_right = row.origin is Lifeline.RIGHT, row.origin is Lifeline.LEFT
        start = glyphs.to_left if goes_left or row.both_ways else shaft
        end = glyphs.to_right if goes_right or row.both_ways else shaft
        if row.outcome is ArrowOutcome.LOST:
            # A lost arrow ends on its way.
            short = length * 2 // 3
            gone = " " * (length - short)
            if goes_right:
                return Text.assemble(
                    (shaft * 2, style), said, (shaft * short + glyphs.lost, style), gone
                )
            return Text.assemble(
                gone, (glyphs.lost + shaft * short, style), said, (shaft * 2, style)
            )
        if goes_right:
            return Text.assemble((start + shaft, style), said, (shaft * length + end, style))
        return Text.assemble((start + shaft * length, style), said, (shaft + end, style))

    def _aside(self, note: Text, section: str) -> Iterator[Text]:
        """Yield the lines under an arrow: its note on the left, its section on the right."""
        lines = _wrapped(note, self._lane - 4) if note else [Text()]
        space = self._lane - 4 - cell_len(lines[-1].plain) - cell_len(section)
        if section and space < 2:
            lines.append(Text())
            space = self._lane - 4 - cell_len(section)
        lines[-1] = Text.assemble(lines[-1], " " * max(0, space), (section, "dim"))
        for line in lines:
            yield self._rung(None, Text.assemble("  ", line))

    def _note(
        self, row: Note | Marks | Failure, said: Text, *, sign: str, section: str = ""
    ) -> Iterator[Text]:
        room = int(self._lane * _SHARE) - 4
        lines = _wrapped(said, room)
        if section:
            if cell_len(lines[-1].plain) + cell_len(section) + 3 <= room:
                lines[-1] = Text.assemble(lines[-1], (f" · {section}", "dim"))
            else:
                lines.append(Text(section, "dim"))
        for number, line in enumerate(lines):
            mark = sign if number == 0 else " "
            time = row.time if number == 0 else None
            style = said.style if isinstance(said.style, str) else ""
            if row.side is Lifeline.LEFT:
                yield self._rung(time, Text.assemble((mark, style), " ", line))
            else:
                space = " " * (self._lane - cell_len(line.plain) - 2)
                yield self._rung(time, Text.assemble(space, line, " ", (mark, style)))

    def _rung(self, time: float | None, inside: Text, *, line: str | None = None) -> Text:
        lifeline = line or self._glyphs.line
        when = "" if time is None else milliseconds(time)
        rest = " " * (self._lane - cell_len(inside.plain))
        return Text.assemble((when.rjust(_TIME), "dim"), f" {lifeline}", inside, rest, lifeline)


def _tagged(row: Arrow | Note, said: Text) -> Text:
    """Prefix a text with the tag of its association."""
    mark = tag(row.association)
    if not mark:
        return said
    # Colours tell neighbouring associations apart.
    marked = Text(mark, "bold magenta" if (row.association or 0) % 2 == 0 else "bold blue")
    marked.append(f" {said.plain}", said.style)
    return marked


def _wrapped(text: Text, width: int) -> list[Text]:
    """Wrap a text into lines of at most `width` cells, breaking longer words."""
    lines: list[Text] = []
    rest = text.copy()
    while cell_len(rest.plain) > width:
        head = _cut(rest.plain, width)
        space = head.rfind(" ")
        place = space if space > 0 else len(head)
        line, rest = rest.divide([place])
        lines.append(line)
        rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
    return [*lines, rest]


def _cut(text: str, width: int) -> str:
    """Cut a text to `width` cells, but not below one character."""
    end = len(text)
    while end > 1 and cell_len(text[:end]) > width:
        end -= 1
    return text[:end]
