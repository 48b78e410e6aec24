"""State table of the ICE generations of one transport: active, checking, prepared, retired. PURE.

An ICE restart (RFC 8445 section 9) makes a new generation beside the active one, with credentials
and sockets of its own, and breaks nothing before that becomes active::

    prepare       begin            nominated                 silence
    ──▶ prepared ──────▶ checking ──────────▶ active ──▶ retired ────▶ (closed)
            │               │                   ▲
            ▼               ▼               (the first)
        (dropped)        (failed)

A generation that has begun its checks and is dropped or superseded is retired as well. While a new
DTLS association shakes hands on the next generation, that is held back, nominated or not: packets
of the association before stay on the path before (RFC 8842 section 6).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from peer.states import IceTransportState

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Retired generations kept open: a peer that stayed behind is one restart behind, or two that were
#: made at once (ours).
MAX_RETIRED = 3

_CONNECTED = frozenset({IceTransportState.CONNECTED, IceTransportState.COMPLETED})


class ReceiveActivity(IntEnum):
    """Recency of the peer's datagrams on a generation."""

    NEVER = 0
    EARLIER = 1
    RECENT = 2


class GenerationStatus(Protocol):
    """ICE generation, as far as the state table needs it."""

    @property
    def username_fragment(self) -> str:
        """Our username fragment, which names the generation."""

    @property
    def state(self) -> IceTransportState:
        """State of this generation alone."""

    @property
    def nominated(self) -> bool:
        """True once the selected pair is nominated."""

    @property
    def activity(self) -> ReceiveActivity:
        """Recency of the peer's datagrams here."""


G = TypeVar("G", bound=GenerationStatus)


@dataclass(slots=True)
class GenerationChanges(Generic[G]):
    """Generations that a step of the state table has taken out of use.

    Args:
        retired: Those to be kept open until the peer is silent there.
        closed: Those to be closed at once.
    """

    retired: list[G] = field(default_factory=list)
    closed: list[G] = field(default_factory=list)


class GenerationSet(Generic[G]):
    """Open ICE generations of one transport, each in its place.

    Args:
        first: The generation that is active until another is.

    Attributes:
        active: The generation that carries data.
        checking: The generation whose checks run, and that may become active; both sides agreed
            on it.
        prepared: The generation that was opened for a pending description.
        retired: Generations that were active, or that the peer may use, oldest first.
        held: Whether the active generation stays active as long as it works, whatever is nominated.
    """

    def __init__(self, first: G) -> None:
        self.active = first
        self.checking: G | None = None
        self.prepared: G | None = None
        self.retired: list[G] = []
        self.held = False

    def __repr__(self) -> str:
        single = (self.active, self.checking, self.prepared)
        names = (each.username_fragment if each else "-" for each in single)
        return "<GenerationSet active {}, checking {}, prepared {}, {} retired>".format(
            *names, len(self.retired)
        )

    def __iter__(self) -> Iterator[G]:
        """Iterate over all generations: active, checking, prepared, retired."""
        yield self.active
        if self.checking is not None:
            yield self.checking
        if self.prepared is not None:
            yield self.prepared
        yield from self.retired

    def find(self, username_fragment: str) -> G | None:
        """Return the generation with this username fragment of ours, or None."""
        return next((each for each in self if each.username_fragment == username_fragment), None)

    @property
    def newest(self) -> G:
        """Generation that was opened last, of those that are or may become active."""
        return self.prepared or self.checking or self.active

    def pending(self, username_fragment: str) -> G | None:
        """Return the generation of this name if it is prepared or checking, else None."""
        following = (self.checking, self.prepared)
        return next((g for g in following if g and g.username_fragment == username_fragment), None)

    @property
    def selected(self) -> G:
        """Generation whose state is the transport's: active, or checking if active has no path."""
        if self.checking is None or self.active.state in _CONNECTED:
            return self.active
        return self.checking

    @property
    def sender(self) -> G:
        """Generation that data is sent on."""
        # If there is no path, one that the peer's checks have shown us of the next one will do.
        if self.active.state is IceTransportState.FAILED:
            return self.checking or self.prepared or self.active
        return self.active

    @property
    def state(self) -> IceTransportState:
        """State of the transport as a whole."""
        state = self.selected.state
        # W3C webrtc-pc section 5.6.2: a restart leads from `completed` back to `connected`.
        if state is IceTransportState.COMPLETED and self.checking is not None:
            return IceTransportState.CONNECTED
        return state

    def prepare(self, generation: G) -> GenerationChanges[G]:
        """Add a generation for a pending description, in place of one whose checks never began."""
        changes = GenerationChanges[G]()
        if self.prepared is not None:
            changes.closed.append(self.prepared)
        self.prepared = generation
        return changes

    def begin(self) -> GenerationChanges[G]:
        """Move the prepared generation to checking, as both sides agreed on it."""
        changes = GenerationChanges[G]()
        superseded, self.checking, self.prepared = self.checking, self.prepared, None
        if superseded is not None:
            # The peer may have moved to it before it received this restart.
            self._retire(superseded, changes)
        return changes

    def update(self) -> GenerationChanges[G]:
        """Activate or close the checking generation, after a state or a nomination has changed."""
        changes = GenerationChanges[G]()
        following = self.checking
        if following is None:
            return changes
        if self._may_activate(following):
            former, self.active, self.checking = self.active, following, None
            self._retire(former, changes)
        elif following.state is IceTransportState.FAILED:
            self.checking = None
            changes.closed.append(following)
        return changes

    def drop(self, username_fragment: str) -> GenerationChanges[G]:
        """Take out a generation that is no longer agreed on; the only usable one stays."""
        changes = GenerationChanges[G]()
        found = self.find(username_fragment)
        if found is None or (found is self.active and not self.retired):
            return changes
        if found is self.prepared:
            self.prepared = None
            changes.closed.append(found)
        elif found in self.retired:
            self.retired.remove(found)
            changes.closed.append(found)
        else:
            # Its checks have begun, so that the peer may use it until it has dropped it too.
            if found is self.checking:
                self.checking = None
            else:
                self._reactivate()
            self._retire(found, changes)
        return changes

    def remove_retired(self, generation: G) -> bool:
        """Remove a generation on which the peer is silent; return True if it is to be closed."""
        if generation not in self.retired:
            return False
        self.retired.remove(generation)
        return True

    def _may_activate(self, following: G) -> bool:
        present, state = self.active.state, following.state
        if state is IceTransportState.FAILED:
            # Both have failed: the later reason is the one that counts.
            return present is IceTransportState.FAILED
        # RFC 8445 section 9: the former pair carries data until the restart has concluded. One
        # that does not work any more carries nothing.
        if self.held and present in _CONNECTED:
            return False
        return state in _CONNECTED and (following.nominated or present not in _CONNECTED)

    def _retire(self, generation: G, changes: GenerationChanges[G]) -> None:
        self.retired.append(generation)
        if len(self.retired) > MAX_RETIRED:
            # The oldest of those that the peer uses least; it may be this one.
            idle = min(self.retired, key=lambda each: each.activity)
            self.retired.remove(idle)
            changes.closed.append(idle)
        if generation in self.retired:
            changes.retired.append(generation)

    def _reactivate(self) -> None:
        newest_first = self.retired[::-1]
        connected = (each for each in newest_first if each.state in _CONNECTED)
        self.active = next(connected, newest_first[0])
        self.retired.remove(self.active)
