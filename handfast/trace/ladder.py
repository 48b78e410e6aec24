"""Turns the events of one end, or of both on a common clock, into the rows of a ladder. PURE.

The same events make the same ladder; a ladder that grows is drawn anew from all of its events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from handfast.trace.arrows import RowContext
from handfast.trace.associations import Associations
from handfast.trace.pairing import Crossing, Passage, clock_offset, seen_by_both, seen_by_one
from handfast.trace.row_builder import RowBuilder
from handfast.trace.rows import Ladder, Lifeline, Pause, Row
from handfast.trace.verdict import verdict
from handfast.trace.words import clean, milliseconds
from peer.times import UnixTime
from peer.tracing.events import CandidateKnown, Datagram, DatagramKind, DescriptionRefused
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from handfast.trace.row_builder import LocalEvent
    from peer.tracing.events import TraceEvent

#: Most rows of one ladder (ours), as a peer can cause any number of them.
MOST_ROWS: Final = 2_000


@dataclass(frozen=True, slots=True)
class TracedEnd:
    """Trace of one end of a session.

    Args:
        name: Name of the end.
        events: Events in the order in which they happened.
    """

    name: str
    events: Sequence[TraceEvent]


def draw(
    left: TracedEnd, right: TracedEnd | None = None, *, peer: str = "peer", limit: int = MOST_ROWS
) -> Ladder:
    """Draw the ladder of a session.

    Args:
        left: The end that is drawn on the left.
        right: The other end, where it was traced too.
        peer: Name of the other end where it was not traced.
        limit: Most rows; a row in the middle stands for those left out.
    """
    remarks: list[str] = []
    ends = [replace(left, name=clean(left.name))]
    if right is not None:
        ends.append(replace(right, name=clean(right.name)))
        ends[1], said = _on_one_clock(*ends)
        remarks += said
    crossed = seen_by_one(left.events) if right is None else seen_by_both(*(e.events for e in ends))
    if right is not None and not any(passage.arrival is not None for passage in crossed):
        remarks.append("The two traces have nothing in common; they may be of different sessions.")
    builder = RowBuilder(_reading(ends), Associations(*(end.events for end in ends)))
    for moment in _in_order(ends, crossed):
        builder.add(*moment)
    drawn = _shortened(builder.rows(), limit)
    sentence, mood = verdict([(end.name, end.events) for end in ends])
    return Ladder(
        left=ends[0].name,
        right=ends[1].name if right is not None else clean(peer),
        verdict=sentence,
        mood=mood,
        rows=tuple(drawn),
        remarks=tuple(remarks),
    )


def _shortened(rows: list[Row], limit: int) -> list[Row]:
    """Drop rows from the middle beyond the limit, with a row that tells their number."""
    surplus = len(rows) + 1 - limit
    if len(rows) <= limit:
        return rows
    begins = limit // 2
    # In steps, so that a growing ladder changes in few places with each row.
    step = max(1, limit // 8)
    ends = begins + -(-surplus // step) * step
    seconds = rows[ends].time - rows[begins - 1].time
    gap = Pause(time=rows[begins].time, seconds=seconds, left_out=ends - begins)
    return [*rows[:begins], gap, *rows[ends:]]


def _on_one_clock(left: TracedEnd, right: TracedEnd) -> tuple[TracedEnd, list[str]]:
    """Return the right end by the clock of the left one, and a remark on the correction."""
    offset = clock_offset(left.events, right.events)
    if offset == 0.0:
        return right, []
    way = "ahead" if offset > 0 else "behind"
    said = f"The clock of {right.name} was {milliseconds(abs(offset))} {way}; it is corrected here."
    moved = [replace(event, time=UnixTime(event.time - offset)) for event in right.events]
    return TracedEnd(right.name, moved), [said]


def _reading(ends: Sequence[TracedEnd]) -> RowContext:
    events = [event for end in ends for event in end.events]
    return RowContext(
        start=min((event.time for event in events), default=0.0),
        both_ends=len(ends) > 1,
        transports=frozenset(
            event.transport
            for event in events
            if isinstance(event, Datagram) and event.kind is DatagramKind.DTLS
        ),
    )


def _is_told_twice(event: TraceEvent) -> bool:
    """Return True for a refusal that an `AssociationDecided` of the same trace tells as well."""
    return isinstance(event, DescriptionRefused) and bool(event.section)


def _in_order(
    ends: Sequence[TracedEnd], crossed: Sequence[Passage]
) -> Iterator[tuple[Lifeline, LocalEvent | Passage]]:
    """Yield events and passages with their lifeline, in the order of time and of each trace."""
    places = {id(event): place for end in ends for place, event in enumerate(end.events)}
    moments: list[tuple[float, int, Lifeline, LocalEvent | Passage]] = [
        (passage.time, places[id(passage.event)], passage.origin, passage) for passage in crossed
    ]
    for side, end in zip(Lifeline, ends, strict=False):
        moments += [
            (event.time, places[id(event)], side, event)
            for event in end.events
            if not isinstance(event, Crossing | CandidateKnown) and not _is_told_twice(event)
        ]
    for _, _, side, moment in sorted(moments, key=lambda moment: moment[:2]):
        yield side, moment
