"""Owns which ICE generation carries, which may come to, and which are heard still. Pure.

An ICE restart (RFC 8445 section 9) makes a new generation beside the present one, with credentials
and sockets of its own, and breaks nothing before that carries::

    prepare       begin            nominated                  silence
    ──▶ prepared ──────▶ checking ──────────▶ current ──▶ retired ────▶ (closed)
            │               │                   ▲
            ▼               ▼               (the first)
        (dropped)        (failed)

What has begun and is dropped or superseded is retired as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from peer.states import IceTransportState

if TYPE_CHECKING:
    from collections.abc import Iterator

# A peer that stayed behind is one restart behind, or two that were made at once.
MAX_RETIRED = 3

_UP = frozenset({IceTransportState.CONNECTED, IceTransportState.COMPLETED})


class Heard(IntEnum):
    """How lately a datagram of the peer came on a generation."""

    NEVER = 0
    ONCE = 1
    LATELY = 2


class Member(Protocol):
    """One generation, as far as it matters here."""

    @property
    def name(self) -> str:
        """Our username fragment."""

    @property
    def state(self) -> IceTransportState:
        """Its own state."""

    @property
    def nominated(self) -> bool:
        """Whether its pair is nominated."""

    @property
    def heard(self) -> Heard:
        """How lately a datagram of the peer came."""


M = TypeVar("M", bound=Member)


@dataclass(slots=True)
class Leaving(Generic[M]):
    """Who carries no more.

    Args:
        retired: To be heard until the peer is silent there.
        closed: To be closed at once.
    """

    retired: list[M] = field(default_factory=list)
    closed: list[M] = field(default_factory=list)


class Lineup(Generic[M]):
    """The generations of one transport.

    Args:
        first: Carries until another does.

    Attributes:
        current: The one that carries.
        checking: The one that may come to, as both sides have agreed on it.
        prepared: The one that was made for a description that is pending.
        retired: Those that carried, or that the peer may use, oldest first.
    """

    def __init__(self, first: M) -> None:
        self.current = first
        self.checking: M | None = None
        self.prepared: M | None = None
        self.retired: list[M] = []

    def __iter__(self) -> Iterator[M]:
        """All, those first that matter most."""
        yield self.current
        if self.checking is not None:
            yield self.checking
        if self.prepared is not None:
            yield self.prepared
        yield from self.retired

    def find(self, name: str) -> M | None:
        """The one of this name, or None."""
        return next((member for member in self if member.name == name), None)

    @property
    def newest(self) -> M:
        """The one that was made last, of those that may carry."""
        return self.prepared or self.checking or self.current

    @property
    def leading(self) -> M:
        """Whom the state of the whole speaks of: who carries, or else who may come to."""
        if self.checking is None or self.current.state in _UP:
            return self.current
        return self.checking

    @property
    def sender(self) -> M:
        """Whose path data takes."""
        # Without any, that will do which the peer's checks have shown us of the next one.
        if self.current.state is IceTransportState.FAILED:
            return self.checking or self.prepared or self.current
        return self.current

    @property
    def state(self) -> IceTransportState:
        """The state of the whole."""
        state = self.leading.state
        # W3C webrtc-pc section 5.6.2: a restart leads from `completed` back to `connected`.
        if state is IceTransportState.COMPLETED and self.checking is not None:
            return IceTransportState.CONNECTED
        return state

    def prepare(self, member: M) -> Leaving[M]:
        """Take in a next one; one that was prepared before and has not begun goes."""
        leaving = Leaving[M]()
        if self.prepared is not None:
            leaving.closed.append(self.prepared)
        self.prepared = member
        return leaving

    def begin(self) -> Leaving[M]:
        """The prepared one begins its checks."""
        leaving = Leaving[M]()
        superseded, self.checking, self.prepared = self.checking, self.prepared, None
        if superseded is not None:
            # The peer may have moved to it before it heard of this restart.
            self._retire(superseded, leaving)
        return leaving

    def settle(self) -> Leaving[M]:
        """Let it carry who is to, after a state or a nomination has changed."""
        leaving = Leaving[M]()
        following = self.checking
        if following is None:
            return leaving
        if self._is_due(following):
            former, self.current, self.checking = self.current, following, None
            self._retire(former, leaving)
        elif following.state is IceTransportState.FAILED:
            self.checking = None
            leaving.closed.append(following)
        return leaving

    def drop(self, name: str) -> Leaving[M]:
        """Leave one that is not agreed on any more; the last one that can carry stays."""
        leaving = Leaving[M]()
        found = self.find(name)
        if found is None or (found is self.current and not self.retired):
            return leaving
        if found is self.prepared:
            self.prepared = None
            leaving.closed.append(found)
        elif found in self.retired:
            self.retired.remove(found)
            leaving.closed.append(found)
        else:
            # It has begun, so that the peer may use it until it has left it too.
            if found is self.checking:
                self.checking = None
            else:
                self._reinstate()
            self._retire(found, leaving)
        return leaving

    def depart(self, member: M) -> bool:
        """A retired one is silent; returns whether it is to be closed."""
        if member not in self.retired:
            return False
        self.retired.remove(member)
        return True

    def _is_due(self, following: M) -> bool:
        present, state = self.current.state, following.state
        if state is IceTransportState.FAILED:
            # Both have: the later reason is the one that counts.
            return present is IceTransportState.FAILED
        # RFC 8445 section 9: the former pair carries data until the restart has concluded. One
        # that does not work any more carries nothing.
        return state in _UP and (following.nominated or present not in _UP)

    def _retire(self, member: M, leaving: Leaving[M]) -> None:
        self.retired.append(member)
        if len(self.retired) > MAX_RETIRED:
            # The oldest of those that the peer uses least; it may be this one.
            idle = min(self.retired, key=lambda each: each.heard)
            self.retired.remove(idle)
            leaving.closed.append(idle)
        if member in self.retired:
            leaving.retired.append(member)

    def _reinstate(self) -> None:
        newest_first = self.retired[::-1]
        self.current = next((m for m in newest_first if m.state in _UP), newest_first[0])
        self.retired.remove(self.current)
