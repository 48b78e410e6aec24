"""Owns the ICE of one transport through its restarts: its path, its state, and its sockets.

Which of its generations carries is said by `lineup.py`.
"""

from __future__ import annotations

import asyncio
from dataclasses import astuple
from typing import TYPE_CHECKING, Protocol

from peer.states import IceGatheringState, IceRole, IceTransportState
from peer.transport.adapters.ice_timing import IceTiming
from peer.transport.ice.generation import Generation
from peer.transport.ice.lineup import Lineup
from peer.transport.ice.transport import IceCounters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.candidates import CandidateFields
    from peer.errors import IceError
    from peer.ice_parameters import IceParameters
    from peer.transport.ice.gathering import ServerFailure
    from peer.transport.ice.lineup import Leaving
    from peer.transport.ice.transport import IceEvents, IceTransport
    from peer.transport.tap import Tap


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

    Attributes:
        on_datagram: From a generation: a datagram of the peer. That of `events`.

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
        self.on_datagram = events.on_datagram
        self._timing = timing or IceTiming()
        self._tap = tap
        # What closed generations counted; every other one is in `_standing`.
        self._past = IceCounters()
        self._standing: list[Generation] = []
        self._lineup = Lineup(self._new(local))
        self._carrying = self._lineup.current
        self._sender = self._lineup.sender.ice
        self._closings: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None

    @property
    def local(self) -> IceParameters:
        """Our credentials in the generation that carries."""
        return self._carrying.ice.local

    @property
    def role(self) -> IceRole | None:
        """Our role, which a role conflict may change; None before `start`."""
        return self._lineup.leading.ice.role

    @property
    def error(self) -> IceError | None:
        """Why there is no path, or None."""
        return self._lineup.leading.ice.error

    @property
    def selected_pair(self) -> tuple[CandidateFields, CandidateFields] | None:
        """The local and remote candidate in use, or None before a check has succeeded."""
        return self._lineup.leading.ice.selected_pair

    @property
    def remote_candidates(self) -> tuple[CandidateFields, ...]:
        """What the peer signalled and what its checks revealed, of the generation in use."""
        return self._lineup.leading.ice.remote_candidates

    @property
    def server_failures(self) -> tuple[ServerFailure, ...]:
        """Which STUN and TURN servers gave the generation in use nothing, and why."""
        return self._lineup.leading.ice.server_failures

    @property
    def round_trip_time(self) -> float | None:
        """Of the latest consent check, in seconds, or None before one was answered."""
        return self._lineup.leading.ice.round_trip_time

    @property
    def gathering_state(self) -> IceGatheringState:
        """Of the newest generation, whether or not its description is in force."""
        return self._lineup.newest.ice.gathering_state

    @property
    def counters(self) -> IceCounters:
        """What all generations counted so far, as a copy."""
        return _total(self._past, *(generation.ice.counters for generation in self._standing))

    def gathered(self, generation: str) -> tuple[tuple[CandidateFields, ...], bool]:
        """The local candidates of a generation so far, and whether these are all.

        One that is no more has none.
        """
        found = self._lineup.find(generation)
        if found is None:
            return (), True
        complete = found.ice.gathering_state is IceGatheringState.COMPLETE
        return found.ice.local_candidates, complete

    async def gather(self) -> None:
        """Bind the sockets of the first generation; servers are asked in the background then.

        Raises:
            IceError: No socket could be bound.
        """
        await self._lineup.current.ice.gather()

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
            self._settle(self._lineup.prepare(generation))

    def start(self, generation: str, remote: IceParameters, role: IceRole) -> None:
        """Begin the checks of a generation. Once only for each.

        Args:
            generation: Our username fragment in it; an unknown one is ignored.
            remote: The peer's username fragment and password in it.
            role: Our role, as the descriptions give it. The one that we have outlives a restart.
        """
        found = self._lineup.find(generation)
        if found is None or self._closing is not None:
            return
        if found is self._lineup.prepared:
            role = self._lasting_role(remote, role)
            self._leave(self._lineup.begin())
        found.ice.start(remote, role)

    def add_remote_candidate(self, generation: str, candidate: CandidateFields | None) -> None:
        """Add a candidate of the peer to a generation of ours, or None for the end of them."""
        found = self._lineup.find(generation)
        if found is not None:
            found.ice.add_remote_candidate(candidate)

    def drop(self, generation: str) -> None:
        """Leave a generation that is not agreed on any more.

        If it carries already, its predecessor does again; without one it stays.
        """
        if self._closing is None:
            self._settle(self._lineup.drop(generation))

    def send(self, datagram: bytes) -> bool:
        """Send at once to the peer; never raises.

        Returns:
            False where there is no path at the moment, or where it has no room; that is counted.
        """
        return self._sender.send(datagram)

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        """The same for several in their order.

        Returns:
            How many were sent, from the first on.
        """
        return self._sender.send_all(datagrams)

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
        for generation in self._standing:
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
        if self._closing is not None:
            return
        self._tell_path()
        self._settle(self._lineup.settle())

    def on_state_of(self, generation: Generation) -> None:
        """Its state has changed."""
        if self._closing is None:
            self._settle(self._lineup.settle())

    # What follows

    def _settle(self, leaving: Leaving[Generation]) -> None:
        self._leave(leaving)
        self._sender = self._lineup.sender.ice
        if self._lineup.current is not self._carrying:
            self._carrying = self._lineup.current
            self._tell_path()
        state = self._lineup.state
        if state is not self.state:
            self.state = state
            self._events.on_state(state)

    def _leave(self, leaving: Leaving[Generation]) -> None:
        for generation in leaving.retired:
            generation.leave_when_silent(self._timing.retirement, self._depart)
        for generation in leaving.closed:
            self._close(generation)

    def _depart(self, generation: Generation) -> None:
        if self._lineup.depart(generation):
            self._close(generation)

    def _lasting_role(self, remote: IceParameters, role: IceRole) -> IceRole:
        # RFC 8445 section 6.1.1: a restart does not redetermine the roles, unless a side becomes
        # lite; what a role conflict has repaired the descriptions do not know.
        return role if remote.lite else self.role or role

    def _tell_path(self) -> None:
        if self._tap is not None:
            self._tap.path(self._carrying.ice.selected_pair)

    def _new(self, local: IceParameters) -> Generation:
        generation = Generation(local, self._make, self)
        self._standing.append(generation)
        return generation

    def _close(self, generation: Generation) -> None:
        task = asyncio.get_running_loop().create_task(self._end(generation))
        self._closings.add(task)
        task.add_done_callback(self._closings.discard)

    async def _end(self, generation: Generation) -> None:
        try:
            if self._closing is None:
                # After a burst several restarts take less time than asyncio to read all of it.
                generation.ice.drain()
        finally:
            await generation.close()
        if generation in self._standing:
            self._standing.remove(generation)
            self._past = _total(self._past, generation.ice.counters)


def _total(*counters: IceCounters) -> IceCounters:
    return IceCounters(*map(sum, zip(*map(astuple, counters), strict=True)))
