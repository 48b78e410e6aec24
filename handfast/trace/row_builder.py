"""Builds the rows of a ladder event by event: joins an event to an earlier row, or begins one."""

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

#: Seconds without events that get a row of their own (ours).
_PAUSE: Final = 0.5
#: Number of latest rows in which an arrow may still grow (ours).
_REACH: Final = 40
#: Short names of the state machines of W3C webrtc-pc.
_MACHINES: Final = {
    "signalingState": "signaling",
    "iceGatheringState": "gathering",
    "iceConnectionState": "ICE",
    "iceState": "ICE",
    "dtlsState": "DTLS",
    "connectionState": "connection",
}

#: Events that happen at one end only.
LocalEvent = NotedEvent | StateChanged | Failed

#: Transport, and index of the association where there are several.
_Handshake = tuple[str | None, int]
#: Handshake, sender, messages, and whether they came after a HelloVerifyRequest.
_Flight = tuple[_Handshake, Lifeline, tuple[str, ...], bool]


class RowBuilder:
    """Builds rows from events in the order of time.

    Args:
        context: Facts about the whole trace.
        associations: Associations of the events of the same traces.
    """

    def __init__(self, context: RowContext, associations: Associations) -> None:
        self._context = context
        self._associations = associations
        self._rows: list[Row | ArrowBuilder] = []
        self._last = context.start
        self._generations = Generations()
        self._description_changes = {side: DescriptionChanges() for side in Lifeline}
        self._flights: set[_Flight] = set()
        self._verified: set[_Handshake] = set()
        self._payloads: set[tuple[Lifeline, str | None, AssociationRef, DatagramKind]] = set()
        self._states: dict[tuple[Lifeline, str], str] = {}

    def add(self, side: Lifeline, moment: LocalEvent | Passage) -> None:
        """Add the next event or passage; `side` is the end of the event, or the sender."""
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
        """Return the rows of all events so far."""
        return [
            row.row(self._context) if isinstance(row, ArrowBuilder) else row for row in self._rows
        ]

    def _at(self, time: float) -> float:
        """Return the relative time of a new row, after adding a row for the pause before it."""
        start = self._context.start
        if time - self._last > _PAUSE:
            self._rows.append(Pause(time=self._last - start, seconds=time - self._last))
        return time - start

    def _cross(self, passage: Passage) -> None:
        if self._is_repeated(passage):
            return
        check = self._check(passage)
        is_last = True
        for row in islice(reversed(self._rows), _REACH):
            if not isinstance(row, ArrowBuilder):
                continue
            if row.try_add(passage, is_last=is_last, check=check):
                return
            if row.stops_search(passage, check):
                break
            is_last = False
        self._at(passage.time)
        handshake = _handshake(passage.event.transport, passage.association_ref)
        verified = handshake in self._verified
        changes = self._take_description(passage)
        arrow = ArrowBuilder(passage, after_verify_request=verified, check=check, changes=changes)
        if flights.is_handshake(arrow.messages):
            # With a cookie a ClientHello is another flight (RFC 6347 section 4.2.1).
            key = (handshake, passage.origin, arrow.messages, verified)
            arrow.is_retransmission = key in self._flights
            self._flights.add(key)
        if not {"HelloVerifyRequest", "HelloRetryRequest"}.isdisjoint(arrow.messages):
            self._verified.add(handshake)
        self._rows.append(arrow)

    def _is_repeated(self, passage: Passage) -> bool:
        """Return True for payload that has a row; each key change traces first packets anew."""
        event, association_ref = passage.event, passage.association_ref
        if association_ref is None or not isinstance(event, Datagram) or not is_payload(event):
            return False
        # Under the first keys each kind has a row; later media has one, and data has one.
        first_of_all = association_ref == AssociationRef(association=0)
        kind = event.kind if first_of_all or event.kind not in MEDIA else DatagramKind.SRTP
        key = (passage.origin, event.transport, association_ref, kind)
        repeated = key in self._payloads
        self._payloads.add(key)
        return repeated

    def _check(self, passage: Passage) -> Check:
        event = passage.event
        if not isinstance(event, Datagram) or event.kind not in STUN:
            return Check()
        teller = passage.origin if self._context.both_ends else Lifeline.LEFT
        return self._generations.check(teller, transport=event.transport, local=event.local)

    def _take_description(self, passage: Passage) -> tuple[str, ...]:
        """Return the changes of a description from the one before it of the same end, in words."""
        event = passage.event
        if not isinstance(event, Described) or not event.sdp:
            return ()
        self._generations.describe(passage.origin, event.sdp)
        return self._description_changes[passage.origin].take(event.sdp)

    def _note(self, side: Lifeline, event: NotedEvent) -> None:
        if isinstance(event, AssociationRetired) and not self._associations.is_end(event):
            return
        association_ref = self._associations.of(event)
        moved = isinstance(event, PathSelected) and self._generations.select(
            side, transport=event.transport, local=event.local
        )
        begins = isinstance(event, AssociationDecided) and event.verdict is Verdict.STARTED
        if (begins and association_ref is None) or isinstance(event, AssociationRetired):
            # The next handshake is another one, though its messages have the same names.
            handshake = _handshake(event.transport, association_ref)
            self._verified.discard(handshake)
            self._flights = {key for key in self._flights if key[0] != handshake}
        transport = event.transport if self._context.several_transports else None
        repeated = NoteContext(transport=transport, association_ref=association_ref, moved=moved)
        row = note(event, side, self._at(event.time), repeated)
        last = self._rows[-1] if self._rows else None
        # Transports that BUNDLE discards have the same decisions as the one that it keeps.
        if isinstance(last, Note) and replace(last, time=row.time) == row:
            return
        self._rows.append(row)

    def _mark(self, side: Lifeline, event: StateChanged) -> None:
        machine = _MACHINES.get(event.machine, event.machine)
        used = self._context.transports
        if event.transport is not None and used and event.transport not in used:
            # BUNDLE discarded the transport.
            return
        if event.transport is not None and self._context.several_transports:
            machine = f"{machine} of {event.transport}"
        # With one transport its ICE states equal those of the connection.
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
