"""Owns the ladder in a terminal: two lifelines, arrows between them, notes at the end they are of.

Nothing is said by colour alone: what crosses is told apart by its line, what is good or bad by its
sign.
"""

from __future__ import annotations

from dataclasses import dataclass
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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderResult

_TIME: Final = 10
_NARROWEST: Final = 48
#: Longer arrows are not easier to follow.
_WIDEST: Final = 110
#: Of the lane, for the notes of one end, so that one sees whose they are.
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
    """The characters of a drawing; each is one cell wide."""

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
#: What the words of a ladder have besides letters; the rest of Unicode becomes a question mark.
_IN_ASCII: Final = str.maketrans("·→←§…", "-><s.")


class TerminalLadder:
    """A ladder for `rich.console.Console.print`.

    Args:
        ladder: What is drawn.
        details: Whether to tell each datagram of a row, and what was expected and shown.
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
    """One drawing: the lane is what lies between the lifelines, in cells."""

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
                yield from self._note(row, sign, _tagged(row, said), short(row.section))
            case Marks():
                yield from self._note(row, self._glyphs.state, Text(", ".join(row.states), "dim"))
            case Failure():
                sign = self._glyphs.signs[Mood.BAD]
                yield from self._note(row, sign, Text(f"FAILED: {row.sentence}", "bold red"))
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
            # It ends on its way.
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
        """What is under an arrow: its note on the left, its section on the right."""
        lines = _wrapped(note, self._lane - 4) if note else [Text()]
        space = self._lane - 4 - cell_len(lines[-1].plain) - cell_len(section)
        if section and space < 2:
            lines.append(Text())
            space = self._lane - 4 - cell_len(section)
        lines[-1] = Text.assemble(lines[-1], " " * max(0, space), (section, "dim"))
        for line in lines:
            yield self._rung(None, Text.assemble("  ", line))

    def _note(
        self, row: Note | Marks | Failure, sign: str, said: Text, section: str = ""
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
    """The words, after what they belong to."""
    mark = tag(row.association)
    if not mark:
        return said
    # An odd and an even one are never taken for each other where there is colour.
    marked = Text(mark, "bold magenta" if (row.association or 0) % 2 == 0 else "bold blue")
    marked.append(f" {said.plain}", said.style)
    return marked


def _wrapped(text: Text, width: int) -> list[Text]:
    """Lines of at most that many cells; words that are longer are broken."""
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
    """As much from its beginning as fits, one character at least."""
    end = len(text)
    while end > 1 and cell_len(text[:end]) > width:
        end -= 1
    return text[:end]
