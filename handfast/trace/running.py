"""Owns the rows as they come: what joins the row before, and what begins a new one."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handfast.trace import flights
from handfast.trace.arrows import Bundle
from handfast.trace.notes import Noted, note
from handfast.trace.pairing import Passage
from handfast.trace.rows import Failure, Marks, Note, Pause, Row, Side
from handfast.trace.words import abbreviated, clean
from peer.trace import AssociationDecided, Failed, PathSelected, StateChanged, Verdict

if TYPE_CHECKING:
    from handfast.trace.arrows import Reading

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
Own = Noted | StateChanged | Failed


class Rows:
    """Takes what happened, in the order of time.

    Args:
        reading: What the rows depend on besides.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._rows: list[Row | Bundle] = []
        self._last = reading.start
        self._paths: set[str | None] = set()
        self._flights: set[tuple[Side, str | None, tuple[str, ...], bool]] = set()
        self._verified: set[str | None] = set()
        self._states: dict[tuple[Side, str], str] = {}

    def add(self, side: Side, moment: Own | Passage) -> None:
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

    def finished(self) -> list[Row]:
        """The rows."""
        return [row.row(self._reading) if isinstance(row, Bundle) else row for row in self._rows]

    def _at(self, time: float) -> float:
        """The time of a new row, after a row for the pause before it."""
        start = self._reading.start
        if time - self._last > _PAUSE:
            self._rows.append(Pause(time=self._last - start, seconds=time - self._last))
        return time - start

    def _cross(self, passage: Passage) -> None:
        transport = passage.event.transport
        consent = transport in self._paths
        is_last = True
        for row in islice(reversed(self._rows), _REACH):
            if not isinstance(row, Bundle):
                continue
            if row.take(passage, is_last=is_last, consent=consent):
                return
            if row.ends(passage):
                break
            is_last = False
        self._at(passage.time)
        verified = transport in self._verified
        bundle = Bundle(passage, after_verify_request=verified, consent=consent)
        if flights.is_handshake(bundle.messages):
            # With a cookie a ClientHello is another flight (RFC 6347 section 4.2.1).
            key = (passage.origin, transport, bundle.messages, verified)
            bundle.again = key in self._flights
            self._flights.add(key)
        if not {"HelloVerifyRequest", "HelloRetryRequest"}.isdisjoint(bundle.messages):
            self._verified.add(transport)
        self._rows.append(bundle)

    def _note(self, side: Side, event: Noted) -> None:
        if isinstance(event, PathSelected):
            self._paths.add(event.transport)
        if isinstance(event, AssociationDecided) and event.verdict is Verdict.STARTED:
            # Its handshake is a new one, though its messages are called the same.
            self._verified.discard(event.transport)
            self._flights = {key for key in self._flights if key[1] != event.transport}
        transport = event.transport if self._reading.several_transports else None
        row = note(event, side, self._at(event.time), transport=transport)
        last = self._rows[-1] if self._rows else None
        # Transports that bundling gives up are decided about with the one that it keeps.
        if isinstance(last, Note) and replace(last, time=row.time) == row:
            return
        self._rows.append(row)

    def _mark(self, side: Side, event: StateChanged) -> None:
        machine = _MACHINES.get(event.machine, event.machine)
        used = self._reading.transports
        if event.transport is not None and used and event.transport not in used:
            # Bundling gave it up, and its states with it.
            return
        if event.transport is not None and self._reading.several_transports:
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
