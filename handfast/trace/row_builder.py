"""Owns the rows as they come: what joins the row before, and what begins a new one."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handfast.trace import flights
from handfast.trace.arrows import ArrowBuilder
from handfast.trace.associations import AssociationRef, Associations, is_payload
from handfast.trace.descriptions import DescriptionChanges
from handfast.trace.generations import Check, Generations
from handfast.trace.notes import NoteContext, NotedEvent, note
from handfast.trace.pairing import MEDIA, STUN, Passage
from handfast.trace.rows import Failure, Lifeline, Marks, Note, Pause, Row
from handfast.trace.words import abbreviated, clean
from peer.tracing.events import (
    AssociationDecided,
    AssociationRetired,
    Datagram,
    DatagramKind,
    Described,
    Failed,
    PathSelected,
    StateChanged,
    Verdict,
)

if TYPE_CHECKING:
    from handfast.trace.arrows import RowContext

#: Seconds without anything to tell that get a row of their own.
_PAUSE: Final = 0.5
#: How many rows back an arrow may be that still grows.
_REACH: Final = 40
#: What W3C's machines are called in a narrow place.
_MACHINES: Final = {
    "signalingState": "signaling",
    "iceGatheringState": "gathering",
    "iceConnectionState": "ICE",
    "iceState": "ICE",
    "dtlsState": "DTLS",
    "connectionState": "connection",
}

#: What happens at one end and does not cross to the other.
LocalEvent = NotedEvent | StateChanged | Failed

#: A transport, and the number of the association where there are several.
_Handshake = tuple[str | None, int]
#: Who sent which messages of it, and whether after a HelloVerifyRequest.
_Flight = tuple[_Handshake, Lifeline, tuple[str, ...], bool]


class RowBuilder:
    """Takes what happened, in the order of time.

    Args:
        context: What the rows depend on besides.
        associations: Of the same traces.
    """

    def __init__(self, context: RowContext, associations: Associations) -> None:
        self._context = context
        self._associations = associations
        self._rows: list[Row | ArrowBuilder] = []
        self._last = context.start
        self._generations = Generations()
        self._news = {side: DescriptionChanges() for side in Lifeline}
        self._flights: set[_Flight] = set()
        self._verified: set[_Handshake] = set()
        self._payloads: set[tuple[Lifeline, str | None, AssociationRef, DatagramKind]] = set()
        self._states: dict[tuple[Lifeline, str], str] = {}

    def add(self, side: Lifeline, moment: LocalEvent | Passage) -> None:
        """Take what happened next; `side` is where it did, or where it was sent."""
        match moment:
            case Passage():
                self._cross(moment)
            case StateChanged():
                self._mark(side, moment)
            case Failed(sentence=sentence):
                said = clean(abbreviated(sentence))
                details = (clean(sentence),)
                time = self._at(moment.time)
                self._rows.append(Failure(time=time, side=side, sentence=said, details=details))
            case _:
                self._note(side, moment)
        self._last = max(self._last, moment.time)

    def rows(self) -> list[Row]:
        """The rows."""
        return [
            row.row(self._context) if isinstance(row, ArrowBuilder) else row for row in self._rows
        ]

    def _at(self, time: float) -> float:
        """The time of a new row, after a row for the pause before it."""
        start = self._context.start
        if time - self._last > _PAUSE:
            self._rows.append(Pause(time=self._last - start, seconds=time - self._last))
        return time - start

    def _cross(self, passage: Passage) -> None:
        if self._was_told(passage):
            return
        check = self._check(passage)
        is_last = True
        for row in islice(reversed(self._rows), _REACH):
            if not isinstance(row, ArrowBuilder):
                continue
            if row.take(passage, is_last=is_last, check=check):
                return
            if row.ends(passage, check):
                break
            is_last = False
        self._at(passage.time)
        handshake = _handshake(passage.event.transport, passage.association_ref)
        verified = handshake in self._verified
        news = self._take_description(passage)
        arrow = ArrowBuilder(passage, after_verify_request=verified, check=check, news=news)
        if flights.is_handshake(arrow.messages):
            # With a cookie a ClientHello is another flight (RFC 6347 section 4.2.1).
            key = (handshake, passage.origin, arrow.messages, verified)
            arrow.again = key in self._flights
            self._flights.add(key)
        if not {"HelloVerifyRequest", "HelloRetryRequest"}.isdisjoint(arrow.messages):
            self._verified.add(handshake)
        self._rows.append(arrow)

    def _was_told(self, passage: Passage) -> bool:
        """Whether it is a first packet that has a row: each change of keys lets ends tell anew."""
        event, association_ref = passage.event, passage.association_ref
        if association_ref is None or not isinstance(event, Datagram) or not is_payload(event):
            return False
        # At the beginning each kind counts, later only whether media flows, and data.
        first_of_all = association_ref == AssociationRef(association=0)
        kind = event.kind if first_of_all or event.kind not in MEDIA else DatagramKind.SRTP
        key = (passage.origin, event.transport, association_ref, kind)
        told = key in self._payloads
        self._payloads.add(key)
        return told

    def _check(self, passage: Passage) -> Check:
        event = passage.event
        if not isinstance(event, Datagram) or event.kind not in STUN:
            return Check()
        teller = passage.origin if self._context.both_ends else Lifeline.LEFT
        return self._generations.check(teller, event.transport, event.local)

    def _take_description(self, passage: Passage) -> tuple[str, ...]:
        """What it has that the one before it of the same end had not, in words."""
        event = passage.event
        if not isinstance(event, Described) or not event.sdp:
            return ()
        self._generations.describe(passage.origin, event.sdp)
        return self._news[passage.origin].take(event.sdp)

    def _note(self, side: Lifeline, event: NotedEvent) -> None:
        if isinstance(event, AssociationRetired) and not self._associations.is_end(event):
            return
        association_ref = self._associations.of(event)
        moved = isinstance(event, PathSelected) and self._generations.choose(
            side, event.transport, event.local
        )
        begins = isinstance(event, AssociationDecided) and event.verdict is Verdict.STARTED
        if (begins and association_ref is None) or isinstance(event, AssociationRetired):
            # A handshake that comes now is a new one, though its messages are called the same.
            handshake = _handshake(event.transport, association_ref)
            self._verified.discard(handshake)
            self._flights = {key for key in self._flights if key[0] != handshake}
        transport = event.transport if self._context.several_transports else None
        told = NoteContext(transport=transport, association_ref=association_ref, moved=moved)
        row = note(event, side, self._at(event.time), told)
        last = self._rows[-1] if self._rows else None
        # Transports that bundling gives up are decided about with the one that it keeps.
        if isinstance(last, Note) and replace(last, time=row.time) == row:
            return
        self._rows.append(row)

    def _mark(self, side: Lifeline, event: StateChanged) -> None:
        machine = _MACHINES.get(event.machine, event.machine)
        used = self._context.transports
        if event.transport is not None and used and event.transport not in used:
            # Bundling gave it up, and its states with it.
            return
        if event.transport is not None and self._context.several_transports:
            machine = f"{machine} of {event.transport}"
        # Of one transport the machines of ICE say the same as those of the connection.
        if self._states.get((side, machine)) == event.state:
            return
        self._states[side, machine] = event.state
        state = clean(f"{machine} {event.state}")
        time = self._at(event.time)
        for place in range(len(self._rows) - 1, -1, -1):
            row = self._rows[place]
            if not isinstance(row, Marks):
                break
            if row.side is side:
                self._rows[place] = Marks(time=row.time, side=side, states=(*row.states, state))
                return
        self._rows.append(Marks(time=time, side=side, states=(state,)))


def _handshake(transport: str | None, association_ref: AssociationRef | None) -> _Handshake:
    return transport, 0 if association_ref is None else association_ref.association
