"""Owns the ICE of one transport through its restarts: which generation carries, which are heard.

An ICE restart (RFC 8445 section 9) makes a new generation beside the present one, with credentials
and sockets of its own, and breaks nothing before that carries::

    open          start                nominated                  10 s without a datagram
    ──▶ prepared ──────▶ checking ─────────────────▶ current ──▶ retired ──────────────▶ closed
            │               │                           ▲
            ▼               ▼                        gather, start
          closed          closed                   (the first one)
         (dropped)  (dropped, failed)
"""

from __future__ import annotations

import asyncio
from dataclasses import astuple
from typing import TYPE_CHECKING, Protocol

from peer.states import IceGatheringState, IceRole, IceTransportState
from peer.transport.ice.generation import Generation
from peer.transport.ice.timing import IceTiming
from peer.transport.ice.transport import IceCounters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from peer.candidates import CandidateFields
    from peer.errors import IceError
    from peer.ice_parameters import IceParameters
    from peer.transport.ice.gathering import ServerFailure
    from peer.transport.ice.transport import IceEvents, IceTransport
    from peer.transport.tap import Tap

# A peer that stayed behind is one restart behind, or two that were made at once.
MAX_RETIRED = 3

_UP = frozenset({IceTransportState.CONNECTED, IceTransportState.COMPLETED})
_OVER = frozenset({IceTransportState.FAILED, IceTransportState.CLOSED})


class GenerationEvents(Protocol):
    """What the ICE of a transport tells its owner, each as a plain call on the event loop.

    A generation is named by our username fragment.
    """

    def on_candidate(self, generation: str, candidate: CandidateFields | None) -> None:
        """A local candidate, as soon as it is known; None when there will be no more."""

    def on_state(self, state: IceTransportState) -> None:
        """The state of the whole has changed; on `failed`, `error` says why."""

    def on_datagram(self, datagram: bytes) -> None:
        """A datagram of the peer that is not STUN, on whichever generation."""


class IceGenerations:
    """The ICE of one transport, through any number of restarts.

    Args:
        local: Our username fragment and password in the first generation.
        make: Makes one generation, which tells the events that it is given.
        events: Who is told.
        timing: The intervals.
        tap: Told of the path, where the transport is traced.

    Raises:
        ConfigurationError: From `make`.
    """

    def __init__(
        self,
        local: IceParameters,
        *,
        make: Callable[[IceParameters, IceEvents], IceTransport],
        events: GenerationEvents,
        timing: IceTiming | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.state = IceTransportState.NEW
        self._make = make
        self._events = events
        self._timing = timing or IceTiming()
        self._tap = tap
        # What closed generations counted; every other one is in `_standing`.
        self._past = IceCounters()
        self._standing: list[Generation] = []
        self._current = self._new(local)
        self._checking: Generation | None = None
        self._prepared: Generation | None = None
        self._retired: list[Generation] = []
        self._sender = self._current.ice
        self._closings: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None

    @property
    def local(self) -> IceParameters:
        """Our credentials in the generation that carries."""
        return self._current.ice.local

    @property
    def role(self) -> IceRole | None:
        """Our role, which a role conflict may change; None before `start`."""
        return self._leading.ice.role

    @property
    def error(self) -> IceError | None:
        """Why there is no path, or None."""
        return self._leading.ice.error

    @property
    def selected_pair(self) -> tuple[CandidateFields, CandidateFields] | None:
        """The local and remote candidate in use, or None before a check has succeeded."""
        return self._leading.ice.selected_pair

    @property
    def remote_candidates(self) -> tuple[CandidateFields, ...]:
        """What the peer signalled and what its checks revealed, of the generation in use."""
        return self._leading.ice.remote_candidates

    @property
    def server_failures(self) -> tuple[ServerFailure, ...]:
        """Which STUN and TURN servers gave the generation in use nothing, and why."""
        return self._leading.ice.server_failures

    @property
    def round_trip_time(self) -> float | None:
        """Of the latest consent check, in seconds, or None before one was answered."""
        return self._leading.ice.round_trip_time

    @property
    def gathering_state(self) -> IceGatheringState:
        """Of the newest generation, whether or not its description is in force."""
        newest = self._prepared or self._checking or self._current
        return newest.ice.gathering_state

    @property
    def counters(self) -> IceCounters:
        """What all generations counted so far, as a copy."""
        return _total(self._past, *(generation.ice.counters for generation in self._standing))

    def gathered(self, generation: str) -> tuple[tuple[CandidateFields, ...], bool]:
        """The local candidates of a generation so far, and whether these are all.

        Of one that is no more there are none.
        """
        found = self._find(generation)
        if found is None:
            return (), True
        complete = found.ice.gathering_state is IceGatheringState.COMPLETE
        return found.ice.local_candidates, complete

    async def gather(self) -> None:
        """Bind the sockets of the first generation; servers are asked in the background then.

        Raises:
            IceError: No socket could be bound.
        """
        await self._current.ice.gather()

    async def open(self, local: IceParameters) -> None:
        """Bind the sockets of a next generation; one that was opened and not started goes.

        Raises:
            IceError: No socket could be bound; nothing has changed.
        """
        if self._closing is not None:
            return
        generation = self._new(local)
        try:
            await generation.ice.gather()
        except BaseException:
            self._close(generation)
            raise
        if self._closing is None:
            former, self._prepared = self._prepared, generation
            if former is not None:
                self._close(former)
            self._settle()

    def start(self, generation: str, remote: IceParameters, role: IceRole) -> None:
        """Begin the checks of a generation. Once only for each.

        Args:
            generation: Our username fragment in it; an unknown one is ignored.
            remote: The peer's username fragment and password in it.
            role: Our role, as the descriptions give it. The one that we have outlives a restart.
        """
        if self._closing is not None:
            return
        if generation == self._current.name:
            self._current.ice.start(remote, role)
        elif self._prepared is not None and generation == self._prepared.name:
            starting, superseded = self._prepared, self._checking
            self._checking, self._prepared = starting, None
            if superseded is not None:
                # The peer may have moved to it before it heard of this restart.
                self._retire(superseded)
            starting.ice.start(remote, self._lasting_role(remote, role))
        self._settle()

    def add_remote_candidate(self, generation: str, candidate: CandidateFields | None) -> None:
        """Add a candidate of the peer to a generation of ours, or None for the end of them."""
        found = self._find(generation)
        if found is not None:
            found.ice.add_remote_candidate(candidate)

    def drop(self, generation: str) -> None:
        """Leave a generation that is no longer agreed on; one that nobody else can replace stays.

        If it carries already, its predecessor does again.
        """
        found = self._find(generation)
        if found is None or self._closing is not None:
            return
        if found is self._prepared:
            self._prepared = None
        elif found is self._checking:
            self._checking = None
        elif found is self._current and not self._reinstate():
            return
        self._close(found)
        self._settle()

    def send(self, datagram: bytes) -> bool:
        """Send at once to the peer; never raises.

        Returns:
            False where there is no path at the moment, or where it has no room; that is counted.
        """
        return self._sender.send(datagram)

    async def close(self) -> None:
        """End every task and socket; may be called at any time and more than once."""
        if self._closing is None:
            # Before anybody is told, so that what they do in return finds it closed.
            self._closing = asyncio.get_running_loop().create_task(self._shut_down())
            self.state = IceTransportState.CLOSED
            self._events.on_state(self.state)
        # A caller that is cancelled does not leave sockets behind.
        await asyncio.shield(self._closing)

    async def _shut_down(self) -> None:
        for generation in tuple(self._standing):
            self._close(generation)
        while self._closings:
            await asyncio.wait(self._closings)

    # What one generation tells

    def on_candidate_of(self, generation: Generation, candidate: CandidateFields | None) -> None:
        """A local candidate."""
        if self._closing is None:
            self._events.on_candidate(generation.name, candidate)

    def on_path_of(self, generation: Generation) -> None:
        """Its path may have moved, or is nominated now."""
        if generation is self._current:
            self._tell_path()
        else:
            self._settle()

    def on_state_of(self, generation: Generation) -> None:
        """Its state has changed."""
        # One that is retired, or that is not in force yet, concerns nobody.
        if generation is self._current or generation is self._checking:
            self._settle()

    def on_datagram(self, datagram: bytes) -> None:
        """A datagram of the peer."""
        self._events.on_datagram(datagram)

    # Which of them carries

    @property
    def _leading(self) -> Generation:
        """Whom the state speaks of: the one that carries, or else the one that may come to."""
        if self._checking is None or self._current.ice.state in _UP:
            return self._current
        return self._checking

    def _settle(self) -> None:
        """Let data and state follow what has happened."""
        if self._closing is not None:
            return
        following = self._checking
        if following is not None:
            if self._is_due(following):
                self._follow(following)
            elif following.ice.state is IceTransportState.FAILED:
                self._checking = None
                self._close(following)
        # Without a path, what the checks of the peer have shown us of the next will do.
        hopeless = self._current.ice.state in _OVER
        sender = (self._checking or self._prepared if hopeless else None) or self._current
        self._sender = sender.ice
        self._tell_state()

    def _is_due(self, following: Generation) -> bool:
        present, state = self._current.ice.state, following.ice.state
        if state is IceTransportState.FAILED:
            # Both have: the later reason is the one that counts.
            return present is IceTransportState.FAILED
        # RFC 8445 section 9: the former pair carries data until the restart has concluded. One
        # that does not work any more carries nothing.
        return state in _UP and (following.ice.nominated or present not in _UP)

    def _follow(self, following: Generation) -> None:
        former, self._current, self._checking = self._current, following, None
        self._retire(former)
        self._tell_path()

    def _reinstate(self) -> bool:
        if not self._retired:
            return False
        former = next((r for r in reversed(self._retired) if r.ice.state in _UP), self._retired[-1])
        self._retired.remove(former)
        former.stay()
        self._current = former
        self._tell_path()
        return True

    def _retire(self, generation: Generation) -> None:
        self._retired.append(generation)
        generation.leave_when_silent(self._timing.retirement, self._close)
        if len(self._retired) > MAX_RETIRED:
            silent = (r for r in self._retired if not r.was_heard)
            self._close(next(silent, self._retired[0]))

    def _lasting_role(self, remote: IceParameters, role: IceRole) -> IceRole:
        # RFC 8445 section 6.1.1: a restart does not redetermine the roles, unless a side becomes
        # lite; what a role conflict has repaired the descriptions do not know.
        return role if remote.lite else self._current.ice.role or role

    def _tell_path(self) -> None:
        if self._tap is not None and self._closing is None:
            self._tap.path(self._current.ice.selected_pair)

    def _tell_state(self) -> None:
        state = self._leading.ice.state
        # W3C webrtc-pc section 5.6.2: a restart leads from `completed` back to `connected`.
        if state is IceTransportState.COMPLETED and self._checking is not None:
            state = IceTransportState.CONNECTED
        if state is not self.state:
            self.state = state
            self._events.on_state(state)

    # Their beginning and their end

    def _new(self, local: IceParameters) -> Generation:
        generation = Generation(local, self._make, self)
        self._standing.append(generation)
        return generation

    def _find(self, name: str) -> Generation | None:
        return next((g for g in self._all() if g.name == name), None)

    def _all(self) -> Iterator[Generation]:
        yield self._current
        if self._checking is not None:
            yield self._checking
        if self._prepared is not None:
            yield self._prepared
        yield from self._retired

    def _close(self, generation: Generation) -> None:
        if generation in self._retired:
            self._retired.remove(generation)
        task = asyncio.get_running_loop().create_task(self._end(generation))
        self._closings.add(task)
        task.add_done_callback(self._closings.discard)

    async def _end(self, generation: Generation) -> None:
        await generation.close()
        if generation in self._standing:
            self._standing.remove(generation)
            self._past = _total(self._past, generation.ice.counters)


def _total(*counters: IceCounters) -> IceCounters:
    return IceCounters(*map(sum, zip(*map(astuple, counters), strict=True)))
