"""Assigns events to the DTLS associations of a transport that has more than one. PURE.

A handshake message does not name its association: it belongs to the one that has its keys next, or
is given up next. Payload belongs to the association whose keys its sender uses at that time.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Final, assert_never

from handfast.trace import flights
from peer.tracing.events import (
    AssociationDecided,
    AssociationRetired,
    CandidateKnown,
    CandidateRefused,
    Datagram,
    DatagramDropped,
    DatagramKind,
    Described,
    DescriptionRefused,
    Direction,
    Failed,
    FingerprintChecked,
    ForkNoted,
    HandshakeCompleted,
    KeysSwitched,
    LeniencyUsed,
    MediaUnencrypted,
    PathSelected,
    PeerJudged,
    RekeyEnded,
    RoleChosen,
    SdesKeysUsed,
    SendingWithheld,
    ServerFailed,
    SignalingMessage,
    StateChanged,
    TraceEvent,
    Verdict,
)
from peer.values import dataclass

_Numbered = HandshakeCompleted | FingerprintChecked | KeysSwitched | AssociationRetired
_ASKS_FOR_ONE: Final = (Verdict.STARTED, Verdict.UNDECIDED)
#: Seconds within which a packet counts as the cause of a key switch (ours).
_AT_ONCE: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationRef:
    """The DTLS association of an event.

    Args:
        association: Index of the association; the first one of a transport is 0.
        former: Whether another association has keys by then, or has replaced this one.
    """

    association: int
    former: bool = False


def is_payload(event: Datagram) -> bool:
    """Return True for a datagram under the keys of an association, judged by its messages."""
    match event.kind:
        case DatagramKind.SRTP | DatagramKind.SRTCP | DatagramKind.RTP | DatagramKind.RTCP:
            return True
        case DatagramKind.DTLS:
            names = flights.messages(event.detail)
            return not flights.is_handshake(names) and not flights.has_alert(names)
        case _:
            return False


class Associations:
    """Maps events to associations, for transports that have had more than one.

    Args:
        traces: The events of one end or of both.
    """

    def __init__(self, *traces: Sequence[TraceEvent]) -> None:
        several = {key for trace in traces for key in _with_several(trace)}
        self._found: dict[int, AssociationRef] = {}
        self._given_up: set[int] = set()
        for trace in traces if several else ():
            self._found |= _TraceWalk(trace, several).found
            self._given_up |= {id(event) for event in given_up(trace)}

    def of(self, event: TraceEvent) -> AssociationRef | None:
        """Return the association of an event of the traces, compared by identity, or None."""
        return self._found.get(id(event))

    def is_end(self, event: AssociationRetired) -> bool:
        """Return True if an association ended, and did not only make way for its own client."""
        association_ref = self.of(event)
        return association_ref is None or association_ref.former or id(event) in self._given_up


def _with_several(trace: Sequence[TraceEvent]) -> set[str | None]:
    """Return the transports that have had, or were asked for, a second association."""
    secured: set[str | None] = set()
    found: set[str | None] = set()
    for event in trace:
        match event:
            case HandshakeCompleted(association=0):
                secured.add(event.transport)
            case AssociationDecided(verdict=verdict) if verdict in _ASKS_FOR_ONE:
                found |= secured & {event.transport}
            case _ if isinstance(event, _Numbered) and event.association > 0:
                found.add(event.transport)
            case _:
                pass
    return found


@dataclasses.dataclass(slots=True)
class _Transport:
    """State of one transport at some event of the trace."""

    uses: dict[Direction, int] = field(default_factory=lambda: {Direction.IN: 0, Direction.OUT: 0})
    secured: int | None = None
    handshaking: int | None = None
    #: Whether a description may have asked for another association since the last handshake.
    asked: bool = True

    @property
    def serving(self) -> int:
        return self.uses[Direction.OUT]

    def update(self, event: HandshakeCompleted | KeysSwitched | AssociationRetired) -> None:
        """Update the state by an event about keys."""
        number = event.association
        match event:
            case HandshakeCompleted():
                self.secured, self.asked = number, False
            case KeysSwitched(direction=direction):
                self.uses[direction] = number
            case AssociationRetired() if number >= self.serving:
                # Given up, though perhaps after the switch.
                self.secured = before = max(0, number - 1)
                self.uses = {way: min(used, before) for way, used in self.uses.items()}
            case AssociationRetired():
                pass
            case _:
                assert_never(event)


class _TraceWalk:
    """Classifies the events of one end in order."""

    def __init__(self, trace: Sequence[TraceEvent], several: set[str | None]) -> None:
        self.found: dict[int, AssociationRef] = {}
        self._transports: defaultdict[str | None, _Transport] = defaultdict(_Transport)
        self._outcomes = _outcomes(trace)
        self._switching = _switching(trace)
        for place, event in enumerate(trace):
            if isinstance(event, Described):
                for transport in self._transports.values():
                    transport.asked = True
            association_ref = self._classify(place, event, self._transports[event.transport])
            if association_ref is not None and event.transport in several:
                self.found[id(event)] = association_ref

    def _classify(self, place: int, event: TraceEvent, known: _Transport) -> AssociationRef | None:
        match event:
            case Datagram() if is_payload(event):
                number = self._switching.get(place, known.uses[event.direction])
                return AssociationRef(association=number, former=(known.secured or 0) > number)
            case Datagram(kind=DatagramKind.DTLS):
                return self._handshake(place, event, known)
            case HandshakeCompleted() | KeysSwitched() | AssociationRetired():
                former = event.association < known.serving
                known.update(event)
                return AssociationRef(association=event.association, former=former)
            case FingerprintChecked(association=number):
                return AssociationRef(association=number)
            case AssociationDecided(verdict=verdict) if verdict in _ASKS_FOR_ONE:
                return AssociationRef(association=self._next(place, event.transport, known))
            case AssociationDecided(verdict=Verdict.KEPT):
                return AssociationRef(association=known.serving)
            case RoleChosen():
                return AssociationRef(association=self._next(place, event.transport, known))
            case AssociationDecided() | Datagram() | DatagramDropped() | Described() | Failed():
                return None
            case PathSelected() | StateChanged() | SignalingMessage() | DescriptionRefused():
                return None
            case (
                CandidateKnown()
                | CandidateRefused()
                | LeniencyUsed()
                | SendingWithheld()
                | ServerFailed()
                | RekeyEnded()
                | ForkNoted()
            ):
                return None
            case PeerJudged() | MediaUnencrypted() | SdesKeysUsed():
                return None
            case _:
                assert_never(event)

    def _handshake(self, place: int, event: Datagram, known: _Transport) -> AssociationRef | None:
        names = flights.messages(event.detail)
        if not flights.is_handshake(names):
            return None
        # A last flight that is sent again comes after the keys that it has made.
        if known.handshaking is None or ("ClientHello" in names and known.asked):
            known.handshaking = self._next(place, event.transport, known)
        return AssociationRef(association=known.handshaking)

    def _next(self, place: int, transport: str | None, known: _Transport) -> int:
        """Return the association that has its keys next, or is given up next."""
        outcomes = self._outcomes[transport]
        following = (number for at, number in outcomes if at >= place)
        return next(following, 0 if known.secured is None else known.serving + 1)


def _outcomes(trace: Sequence[TraceEvent]) -> defaultdict[str | None, list[tuple[int, int]]]:
    """Return index and association of each completed handshake and each failed association."""
    transports: defaultdict[str | None, _Transport] = defaultdict(_Transport)
    found: defaultdict[str | None, list[tuple[int, int]]] = defaultdict(list)
    for place, event in enumerate(trace):
        if isinstance(event, HandshakeCompleted | KeysSwitched | AssociationRetired):
            known = transports[event.transport]
            if not isinstance(event, KeysSwitched) and event.association >= known.serving:
                found[event.transport].append((place, event.association))
            known.update(event)
    return found


def given_up(trace: Sequence[TraceEvent]) -> list[AssociationRetired]:
    """Return the associations that were given up, before the switch of keys or after it.

    A listening server makes way for a client of the same index where the answer says so; such a
    server does not count.
    """
    transports: defaultdict[str | None, _Transport] = defaultdict(_Transport)
    found: dict[tuple[str | None, int], AssociationRetired] = {}
    done: list[AssociationRetired] = []
    for event in trace:
        if isinstance(event, Described) and event.type == "offer":
            done += found.values()
            found = {}
        if isinstance(event, HandshakeCompleted | KeysSwitched | AssociationRetired):
            known, key = transports[event.transport], (event.transport, event.association)
            found.pop(key, None)
            if isinstance(event, AssociationRetired) and event.association >= known.serving:
                found[key] = event
            known.update(event)
    return [*done, *found.values()]


def _switching(trace: Sequence[TraceEvent]) -> dict[int, int]:
    """Return the association of payload that precedes the event of its own key switch, by index.

    An incoming packet is traced before it is authenticated and causes the switch; packets that
    waited for new keys go out under them before the switch is traced.
    """
    steps: defaultdict[str | None, list[int]] = defaultdict(list)
    found: dict[int, int] = {}
    for place, event in enumerate(trace):
        earlier = steps[event.transport]
        if isinstance(event, KeysSwitched):
            for at in _of_switch(trace, earlier, event):
                found.setdefault(at, event.association)
        earlier.append(place)
    return found


def _of_switch(
    trace: Sequence[TraceEvent], earlier: Sequence[int], switch: KeysSwitched
) -> Iterator[int]:
    """Yield the indices of payload just before a switch that belongs to it, latest first."""
    out: list[int] = []
    for at in reversed(earlier):
        event = trace[at]
        if switch.time - event.time > _AT_ONCE:
            return
        match event:
            case Datagram(direction=Direction.IN):
                if is_payload(event):
                    yield at
                return
            case Datagram() if is_payload(event):
                out.append(at)
            case HandshakeCompleted(association=number) if number == switch.association:
                # Nothing of the peer lies between: the keys were used as soon as they were there.
                yield from out
                return
            case _:
                pass
