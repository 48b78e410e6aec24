"""ICE of one transport through its restarts: opens, starts, retires and closes its generations.

`generation_set.py` holds the rules of which generation is active.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

from peer.states import IceGatheringState, IceRole, IceTransportState
from peer.transport.ice.datagrams import IceCounters, total
from peer.transport.ice.fresh_path import GenerationPath
from peer.transport.ice.generation_set import GenerationSet, ReceiveActivity
from peer.transport.ice.timing import IceTiming

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.errors import IceError
    from peer.ice import CandidateFields, DefaultDestination, IceParameters
    from peer.times import MonotonicTime, Seconds
    from peer.transport.ice.datagrams import IceDatagrams
    from peer.transport.ice.generation_set import GenerationChanges
    from peer.transport.ice.latching import LatchingPath
    from peer.transport.ice.servers import ServerFailure
    from peer.transport.ice.snapshot import IceSnapshot
    from peer.transport.ice.transport import IceEvents, IceGeneration
    from peer.transport.tap import Tap

_logger = logging.getLogger(__name__)

_CONNECTED = frozenset({IceTransportState.CONNECTED, IceTransportState.COMPLETED})


class IceGenerationsEvents(Protocol):
    """Receives the events of one `IceGenerations`, each as a plain call on the event loop.

    A generation is named by our username fragment.
    """

    def on_candidate(self, generation: str, candidate: CandidateFields | None) -> None:
        """Take a local candidate as soon as it is known; None when there will be no more."""

    def on_server_failure(self, generation: str, failure: ServerFailure) -> None:
        """Take note of a STUN or TURN server that does not serve a generation."""

    def on_check(self) -> None:
        """Take note of a check of the peer, which shows that it has a description of ours."""

    def on_state(self, state: IceTransportState) -> None:
        """Take the new state of the transport; on `failed`, `error` says why."""

    def on_followed(self, generation: str) -> None:
        """Take note that a generation of `start_if_followed` carries data now."""

    def on_path(self) -> None:
        """Take note of a successful check: another pair may be in use, or it be nominated."""


class IceGenerations:
    """ICE of one transport, through any number of restarts.

    Datagrams of the peer do not come through here: `make` says where each generation passes them.

    Args:
        local: Our username fragment and password in the first generation.
        make: Makes the IceGeneration of one generation, which reports to the events given.
        events: Told of candidates and state.
        timing: Intervals and timeouts.
        tap: Told of the path, where the transport is traced.

    Raises:
        ConfigurationError: From `make`.
    """

    def __init__(
        self,
        local: IceParameters,
        *,
        make: Callable[[IceParameters, IceEvents], IceGeneration],
        events: IceGenerationsEvents,
        timing: IceTiming | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.state = IceTransportState.NEW
        self._make = make
        self._events = events
        self._timing = timing or IceTiming()
        self._tap = tap
        #: Sum of the counters of closed generations; those of the others are counted on demand.
        self._closed_counters = IceCounters()
        #: Generations that are not closed yet; all that were open when the transport was closed.
        self._open: list[Generation] = []
        self._generations = GenerationSet(self._new(local))
        self._active = self._generations.active
        #: The generation of `start_if_followed` that the peer was found in.
        self._followed: Generation | None = None
        #: `datagrams` of the generation that data is sent on, for `send`.
        self._sender = self._generations.sender.ice.datagrams
        #: Gone with the DTLS associations that send by them.
        self._paths: WeakSet[GenerationPath] = WeakSet()
        self._closings: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        pair = self.selected_pair
        path = "no pair" if pair is None else " -> ".join(f"{c.address}:{c.port}" for c in pair)
        active, others = self._active.username_fragment, len(self._open) - 1
        return f"<IceGenerations {active} {self.state}, {path}, {others} other generations>"

    @property
    def local(self) -> IceParameters:
        """Username fragment and password of ours in the active generation."""
        return self._active.ice.local

    @property
    def role(self) -> IceRole | None:
        """Role of our agent, which a role conflict may change; None before `start`."""
        return self._generations.selected.ice.role

    @property
    def error(self) -> IceError | None:
        """Error that says why there is no path, or None."""
        return self._generations.selected.ice.error

    @property
    def selected_pair(self) -> tuple[CandidateFields, CandidateFields] | None:
        """Local and remote candidate in use, or None before a check has succeeded."""
        return self._generations.selected.ice.selected_pair

    @property
    def nominated(self) -> bool:
        """True once the pair in use is nominated, so that both ends know it."""
        return self._generations.selected.ice.nominated

    @property
    def remote_candidates(self) -> tuple[CandidateFields, ...]:
        """Remote candidates of the selected generation, signalled or peer-reflexive."""
        return self._generations.selected.ice.remote_candidates

    def server_failures_of(self, generation: str) -> tuple[ServerFailure, ...]:
        """Return the servers that did not serve a generation; none where it is unknown."""
        found = self._generations.find(generation)
        return () if found is None else found.ice.server_failures

    def snapshots(self) -> tuple[IceSnapshot, ...]:
        """Return candidates and pairs of all open generations, the one in use first."""
        first = self._generations.selected
        others = (each for each in self._open if each is not first)
        return tuple(each.ice.snapshot() for each in (first, *others))

    @property
    def round_trip_time(self) -> Seconds | None:
        """Round-trip time of the latest check in seconds; None before one was answered."""
        return self._generations.selected.ice.datagrams.round_trip_time

    @property
    def gathering_state(self) -> IceGatheringState:
        """Gathering state of the newest generation, even before its description is in force."""
        return self._generations.newest.ice.gathering_state

    @property
    def counters(self) -> IceCounters:
        """Counters of all generations so far, those closed included, as a copy."""
        return total(self._closed_counters, *(each.ice.counters for each in self._open))

    def gathered(self, generation: str) -> tuple[tuple[CandidateFields, ...], bool]:
        """Return the local candidates of a generation so far, and True if these are all.

        A generation that is unknown or closed has none.
        """
        for each in self._open:
            if each.username_fragment == generation:
                complete = each.ice.gathering_state is IceGatheringState.COMPLETE
                return each.ice.local_candidates, complete
        return (), True

    async def gather(self) -> None:
        """Bind the sockets of the first generation; servers are asked in the background then.

        Raises:
            IceError: No socket could be bound.
        """
        await self._generations.active.ice.gather()

    def share_sockets(self, other: IceGenerations, *, peer: str | None) -> None:
        """Use the sockets of another transport for our first generation, instead of `gather`.

        Args:
            other: Has a generation with the same credentials.
            peer: Username fragment of the peer to serve; None for all that no other serves.
        """
        first = self._generations.active
        found = other._generations.find(first.username_fragment)
        if found is None:
            raise AssertionError("an offer names sockets that are open")
        first.ice.share_sockets(found.ice, peer=peer)

    def serve_peer(self, generation: str, *, peer: str) -> None:
        """Take the checks of a peer, by its username fragment, on the sockets of a generation."""
        found = self._generations.find(generation)
        if found is not None:
            found.ice.serve_peer(peer)

    def peer_of(self, generation: str) -> str | None:
        """Return the peer's username fragment in a generation, by its first check or the answer."""
        found = self._generations.find(generation)
        return None if found is None else found.ice.peer_fragment

    async def open(self, local: IceParameters) -> None:
        """Bind the sockets of a new generation; one that was opened and not started is closed.

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
            self._apply(self._generations.prepare(generation))

    def start(
        self,
        generation: str,
        remote: IceParameters,
        role: IceRole,
        *,
        is_new_peer: bool = False,
        is_answerer: bool = False,
    ) -> None:
        """Begin the connectivity checks of a generation, once for each.

        Args:
            generation: Our username fragment in it; an unknown one is ignored.
            remote: The peer's username fragment and password in it.
            role: Our role, as the descriptions give it. The one that we have outlives a restart.
            is_new_peer: The peer is another one, which knows of no role but that.
            is_answerer: The peer may not have our answer yet; its first check shows that it has.
        """
        found = self._generations.find(generation)
        if found is None or self._closing is not None:
            return
        if found is self._generations.prepared:
            if not is_new_peer:
                role = self._role_after_restart(remote, role)
            self._take_out(self._generations.begin())
        found.ice.start(remote, role, is_answerer=is_answerer)

    def start_without_ice(
        self,
        generation: str,
        peer: DefaultDestination,
        *,
        is_client: bool,
        on_moved: Callable[[LatchingPath], None],
    ) -> None:
        """Use a generation as the path to a peer without ICE, or take the peer's new address.

        Args:
            generation: Our username fragment, which names the sockets; an unknown one is ignored.
            peer: Where it receives.
            is_client: We send the ClientHello.
            on_moved: Called where a path in use has another address: a handshake is due there.
        """
        found = self._generations.find(generation)
        if found is not None and self._closing is None:
            found.ice.start_without_ice(peer, is_client=is_client, on_moved=on_moved)

    @property
    def latching(self) -> LatchingPath | None:
        """The path to a peer without ICE; None where it has ICE, or is not known yet."""
        return self._generations.selected.ice.latching

    def on_verified(self, *, latches: bool) -> None:
        """Count the silence of a peer without ICE from now on; see `LatchingPath.on_verified`."""
        if self.latching is not None:
            self.latching.on_verified(latches=latches)

    def start_if_followed(self, generation: str, remote: IceParameters, role: IceRole) -> None:
        """Begin the checks of a generation once there is a sign that the peer takes part in it.

        That is a datagram on one of its sockets, or the end of the path before. Without one the
        generation is closed after a while.

        Args:
            generation: Our username fragment in it; an unknown one is ignored.
            remote: The peer's username fragment and password, which it has kept.
            role: Our role, as the descriptions give it.
        """
        found = self._generations.prepared
        if found is not None and found.username_fragment == generation and self._closing is None:
            loop = asyncio.get_running_loop()
            end = loop.time() + self._timing.retirement
            self._look_for_peer(found, remote, role, end=end)

    def _look_for_peer(
        self, found: Generation, remote: IceParameters, role: IceRole, *, end: MonotonicTime
    ) -> None:
        if self._closing is not None or found is not self._generations.prepared:
            return
        loop = asyncio.get_running_loop()
        if found.is_heard or self.state not in _CONNECTED:
            _logger.info("the peer follows an ICE restart that it answered with old credentials")
            self._followed = found
            self.start(found.username_fragment, remote, role)
        elif loop.time() >= end:
            self.drop(found.username_fragment)
        else:
            look = partial(self._look_for_peer, found, remote, role, end=end)
            loop.call_later(self._timing.recheck, look)

    def add_remote_candidate(self, generation: str, candidate: CandidateFields | None) -> None:
        """Add a candidate of the peer to a generation of ours, or None for the end of them."""
        found = self._generations.find(generation)
        if found is not None:
            found.ice.add_remote_candidate(candidate)

    def answer_checks(self, *, answer: bool) -> None:
        """Answer checks of the peer in every open generation, or let its consent expire."""
        for each in self._open:
            each.ice.answer_checks(answer=answer)

    def drop(self, generation: str) -> None:
        """Retire or close a generation that is no longer agreed on.

        If it is active already, its predecessor is active again; without one it stays.
        """
        if self._closing is None:
            self._apply(self._generations.drop(generation))

    def send(self, datagram: bytes) -> bool:
        """Send a datagram at once to the peer; never raises.

        Returns:
            False if there is no path at the moment, or no room in the socket; that is counted.
        """
        return self._sender.send(datagram)

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        """Send several datagrams in order; never raises.

        Returns:
            How many were sent, from the first on.
        """
        return self._sender.send_all(datagrams)

    def path_of(self, generation: str, on_up: Callable[[], None]) -> GenerationPath:
        """Return the path of a generation, for one DTLS association that begins there.

        Args:
            generation: Our username fragment in it; the path of an unknown one is that in use.
            on_up: Called once when a handshake may begin, unless it may at once.
        """
        path = GenerationPath(generation, self, on_up)
        self._paths.add(path)
        return path

    def is_pending(self, generation: str) -> bool:
        """Tell whether a generation may yet become active."""
        return self._generations.pending(generation) is not None

    def is_up(self, generation: str) -> bool:
        """Tell whether a check has succeeded on it or, if it is not pending, on the active one."""
        pending = self._generations.pending(generation)
        return (self.state if pending is None else pending.state) in _CONNECTED

    def sender_of(self, generation: str, *, only_there: bool = False) -> IceDatagrams:
        """Return what sends on it if it is pending and has a path, or else on the active one.

        Args:
            generation: Our username fragment in it.
            only_there: As long as it is pending, with or without a path.
        """
        pending = self._generations.pending(generation)
        if pending is None or not (only_there or pending.ice.datagrams.has_path):
            return self._sender
        return pending.ice.datagrams

    def hold(self, *, held: bool) -> None:
        """Keep the active generation active as long as it works, or let the next one follow."""
        self._generations.held = held
        if self._closing is None:
            self._apply(self._generations.update())

    async def close(self) -> None:
        """End every task and close every socket; may be called at any time and more than once."""
        if self._closing is None:
            # Before the event, so that calls made by its handler find the transport closed.
            self._closing = asyncio.get_running_loop().create_task(self._shut_down())
            self.state = IceTransportState.CLOSED
            self._events.on_state(self.state)
        # A caller that is cancelled does not leave sockets behind.
        await asyncio.shield(self._closing)

    async def _shut_down(self) -> None:
        for generation in self._open:
            self._close(generation)
        while self._closings:
            await asyncio.wait(self._closings)

    # Events of the generations

    def on_generation_candidate(
        self, generation: Generation, candidate: CandidateFields | None
    ) -> None:
        """Pass on a local candidate of a generation."""
        if self._closing is None:
            self._events.on_candidate(generation.username_fragment, candidate)

    def on_generation_candidate_refused(self, candidate: CandidateFields, reason: str) -> None:
        """Trace a remote candidate that is not checked."""
        if self._tap is not None:
            self._tap.candidate_refused(candidate, reason)

    def on_generation_server_failure(self, generation: Generation, failure: ServerFailure) -> None:
        """Pass on the failure of a STUN or TURN server."""
        if self._closing is None:
            self._events.on_server_failure(generation.username_fragment, failure)

    def on_generation_path(self, generation: Generation) -> None:
        """Update the active generation: a path may have moved, or is nominated now."""
        if self._closing is not None:
            return
        self._trace_path()
        self._apply(self._generations.update())
        self._events.on_path()

    def on_generation_check(self) -> None:
        """Pass on a check of the peer in any generation."""
        if self._closing is None:
            self._events.on_check()

    def on_generation_state(self, generation: Generation) -> None:
        """Update the active generation and our state after a generation's has changed."""
        if self._closing is None:
            self._apply(self._generations.update())

    # Changes of the set

    def _apply(self, changes: GenerationChanges[Generation]) -> None:
        self._take_out(changes)
        self._sender = self._generations.sender.ice.datagrams
        if self._generations.active is not self._active:
            self._active = self._generations.active
            self._trace_path()
            if self._active is self._followed:
                self._events.on_followed(self._active.username_fragment)
        state = self._generations.state
        if state is not self.state:
            self.state = state
            self._events.on_state(state)
        for path in tuple(self._paths):
            path.update()

    def _take_out(self, changes: GenerationChanges[Generation]) -> None:
        for generation in changes.retired:
            generation.call_when_silent(self._timing.retirement, self._on_silence)
        for generation in changes.closed:
            self._close(generation)

    def _on_silence(self, generation: Generation) -> None:
        if self._generations.remove_retired(generation):
            self._close(generation)

    def _role_after_restart(self, remote: IceParameters, role: IceRole) -> IceRole:
        # RFC 8445 section 6.1.1: a restart does not redetermine the roles, unless a side becomes
        # lite; the descriptions do not know of a role conflict that was repaired.
        return role if remote.lite else self.role or role

    def _trace_path(self) -> None:
        if self._tap is not None:
            ice = self._active.ice
            self._tap.path(ice.selected_pair, ice.path_reason)

    def _new(self, local: IceParameters) -> Generation:
        generation = Generation(local, self._make, self)
        self._open.append(generation)
        return generation

    def _close(self, generation: Generation) -> None:
        task = asyncio.get_running_loop().create_task(self._close_now(generation))
        self._closings.add(task)
        task.add_done_callback(self._closings.discard)

    async def _close_now(self, generation: Generation) -> None:
        try:
            if self._closing is None:
                # After a burst several restarts take less time than asyncio to read all of it.
                generation.ice.datagrams.drain()
        finally:
            await generation.close()
        # The descriptions of a closed connection still show its candidates.
        if self._closing is None and generation in self._open:
            self._open.remove(generation)
            self._closed_counters = total(self._closed_counters, generation.ice.counters)


class Generation:
    """IceGeneration of one generation, with the name and activity that a `GenerationSet` needs.

    Args:
        local: Our username fragment, which names the generation, and password.
        make: Makes its IceGeneration.
        owner: Told of its events.
    """

    def __init__(
        self,
        local: IceParameters,
        make: Callable[[IceParameters, IceEvents], IceGeneration],
        owner: IceGenerations,
    ) -> None:
        self.username_fragment = local.username_fragment
        self._owner = owner
        #: Datagrams received when the activity was last looked at.
        self._received = 0
        self._silence_timer: asyncio.TimerHandle | None = None
        self.ice = make(local, self)

    def __repr__(self) -> str:
        return f"<Generation {self.username_fragment} {self.state}>"

    @property
    def state(self) -> IceTransportState:
        """State of its IceGeneration."""
        return self.ice.state

    @property
    def nominated(self) -> bool:
        """True once its selected pair is nominated."""
        return self.ice.nominated

    @property
    def is_heard(self) -> bool:
        """True once any datagram came that is a check of the peer, or no STUN."""
        return self.ice.is_heard

    @property
    def activity(self) -> ReceiveActivity:
        """Recency of the peer's datagrams: since the silence timer was last set, or ever."""
        received = self.ice.counters.packets_received
        if received > self._received:
            return ReceiveActivity.RECENT
        return ReceiveActivity.EARLIER if received else ReceiveActivity.NEVER

    def call_when_silent(self, seconds: Seconds, on_silence: Callable[[Generation], None]) -> None:
        """Call `on_silence` once so many seconds have passed without a datagram."""
        self._cancel_silence_timer()
        self._received = self.ice.counters.packets_received
        loop = asyncio.get_running_loop()
        self._silence_timer = loop.call_later(seconds, self._check_silence, seconds, on_silence)

    async def close(self) -> None:
        """Close the IceGeneration and its sockets."""
        self._cancel_silence_timer()
        await self.ice.close()

    def _cancel_silence_timer(self) -> None:
        if self._silence_timer is not None:
            self._silence_timer.cancel()

    def _check_silence(self, seconds: Seconds, on_silence: Callable[[Generation], None]) -> None:
        # A peer that has not left this generation yet still sends here.
        if self.activity is ReceiveActivity.RECENT:
            self.call_when_silent(seconds, on_silence)
        else:
            on_silence(self)

    def on_candidate(self, candidate: CandidateFields | None) -> None:
        """Pass on a local candidate of the IceGeneration."""
        self._owner.on_generation_candidate(self, candidate)

    def on_candidate_refused(self, candidate: CandidateFields, reason: str) -> None:
        """Pass on a remote candidate that is not checked."""
        self._owner.on_generation_candidate_refused(candidate, reason)

    def on_server_failure(self, failure: ServerFailure) -> None:
        """Pass on the failure of a STUN or TURN server."""
        self._owner.on_generation_server_failure(self, failure)

    def on_path(self) -> None:
        """Pass on a successful check of the IceGeneration."""
        self._owner.on_generation_path(self)

    def on_check(self) -> None:
        """Pass on a check of the peer."""
        self._owner.on_generation_check()

    def on_state(self, state: IceTransportState) -> None:
        """Pass on a new state of the IceGeneration, which `state` tells."""
        self._owner.on_generation_state(self)
