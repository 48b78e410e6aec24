"""Trace sink that tests wait on, and a short notation for its events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

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
)
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Callable

_EventT = TypeVar("_EventT", bound=TraceEvent)


class Sink:
    """Trace sink that keeps every event, and lets a test wait for one."""

    def __init__(self) -> None:
        self.events: list[TraceEvent] = []
        self._changed = asyncio.Event()

    def __call__(self, event: TraceEvent) -> None:
        self.events.append(event)
        self._changed.set()

    def all(self, kind: type[_EventT]) -> list[_EventT]:
        """Return the events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    async def heard(
        self,
        kind: type[_EventT],
        *,
        count: int = 1,
        where: Callable[[_EventT], bool] = lambda event: True,
    ) -> list[_EventT]:
        """Wait until a number of events of one kind, and of one condition, are there."""
        async with asyncio.timeout(DEADLINE):
            while len(found := [each for each in self.all(kind) if where(each)]) < count:
                self._changed.clear()
                await self._changed.wait()
        return found

    def story(self, skip: Callable[[TraceEvent], bool] = lambda event: False) -> list[str]:
        """Return a line for each event."""
        return [
            line(event)
            for event in self.events
            if not isinstance(event, CandidateKnown) and not skip(event)
        ]


def is_stun(event: TraceEvent) -> bool:
    """Return True for ICE checks, whose number depends on the machine."""
    return isinstance(event, Datagram) and event.kind in (
        DatagramKind.STUN_REQUEST,
        DatagramKind.STUN_RESPONSE,
        DatagramKind.STUN_ERROR,
    )


def line(event: TraceEvent) -> str:  # noqa: C901 - a case for each kind of event
    """Return an event in a few words."""
    match event:
        case Described():
            return f"{event.direction} {event.type}"
        case RoleChosen():
            return f"{event.role}: {event.offered}, {event.answered}"
        case AssociationDecided():
            return f"association {event.verdict}"
        case Datagram():
            return f"{event.direction} {event.detail or event.kind}"
        case DatagramDropped():
            return f"dropped {event.kind}: {event.reason}"
        case PathSelected():
            return "path selected"
        case HandshakeCompleted():
            return f"handshake completed as {event.role}"
        case FingerprintChecked():
            return f"fingerprint {'matches' if event.matches else 'does not match'}"
        case MediaUnencrypted():
            return "media unencrypted"
        case SdesKeysUsed(suite=suite):
            return f"keys of signalling {suite}"
        case KeysSwitched():
            return f"keys {event.direction} of association {event.association}"
        case AssociationRetired():
            return f"association {event.association} retired: {event.reason}"
        case StateChanged():
            return f"{event.machine} {event.state}"
        case DescriptionRefused():
            return f"{event.direction} {event.type} refused"
        case LeniencyUsed():
            return f"leniency {event.rule}"
        case ForkNoted():
            return f"fork {event.step}"
        case SendingWithheld():
            return f"{event.mid} not sent"
        case SignalingMessage():
            return f"{event.direction} {event.protocol} {event.summary}"
        case CandidateKnown():
            return f"{event.direction} candidate"
        case CandidateRefused():
            return f"candidate refused: {event.reason}"
        case ServerFailed():
            return f"server failed: {event.code}"
        case PeerJudged():
            return f"{'refused: ' if event.refused else ''}{event.sentence}"
        case RekeyEnded():
            return "rekeyed" if event.changed else "not rekeyed"
        case Failed():
            return "failed"
