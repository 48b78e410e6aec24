"""ICE transport of one generation: gathering, connectivity checks, consent, and its state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, assert_never, cast

from peer.configuration import IceServer, IceTransportPolicy
from peer.configuration.announced_addresses import AddressTranslation
from peer.configuration.candidate_filter import CandidateFilter
from peer.states import IceGatheringState, IceRole, IceTransportState
from peer.transport.adapters.aiortc_ice import AiortcIce
from peer.transport.adapters.ice_agent import IceAgent
from peer.transport.adapters.shared_sockets import (
    serve_peer,
    serve_unknown_peers,
    share_candidate,
    share_sockets,
)
from peer.transport.ice.candidates import candidate_of, from_aioice, is_usable, to_aioice
from peer.transport.ice.consent import ConsentState
from peer.transport.ice.consent_monitor import ConsentMonitor
from peer.transport.ice.datagrams import IceCounters, IceDatagrams
from peer.transport.ice.gathering import Gathering
from peer.transport.ice.latching import EarlyStrangers, LatchingPath
from peer.transport.ice.reasons import (
    consent_expired,
    consent_withdrawn,
    no_path,
    nothing_authenticated,
)
from peer.transport.ice.servers import TurnServer, parse_servers
from peer.transport.ice.shared_gathering import SharedGathering
from peer.transport.ice.snapshot import take_snapshot
from peer.transport.ice.timing import IceTiming
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aioice import Candidate

    from peer.errors import IceError
    from peer.ice import CandidateFields, DefaultDestination, IceParameters
    from peer.times import Seconds
    from peer.transport.adapters.ice_gathering import Ports
    from peer.transport.adapters.traced_socket import SocketTap
    from peer.transport.ice.servers import ServerFailure
    from peer.transport.ice.shared_gathering import GatheringMember
    from peer.transport.ice.snapshot import IceSnapshot
    from peer.transport.interfaces import StrangerPath
    from peer.transport.wire.stun_embedding import StunEmbedding

_ENDED = frozenset({IceTransportState.FAILED, IceTransportState.CLOSED})


class IceEvents(Protocol):
    """Receives the events of one IceGeneration, in order, as plain calls on the event loop."""

    def on_candidate(self, candidate: CandidateFields | None) -> None:
        """Take a local candidate as soon as it is known; None when there will be no more."""

    def on_candidate_refused(self, candidate: CandidateFields, reason: str) -> None:
        """Take note of a remote candidate that is not checked."""

    def on_server_failure(self, failure: ServerFailure) -> None:
        """Take note of a STUN or TURN server that does not serve."""

    def on_path(self) -> None:
        """Take note of a successful check, which may have moved the path, or nominated it."""

    def on_check(self) -> None:
        """Take note of a check of the peer, which shows that it has a description of ours."""

    def on_state(self, state: IceTransportState) -> None:
        """Take the new state; on `failed`, the transport's `error` says why."""


class IceGeneration:
    """ICE of one generation: gathers candidates, checks pairs, keeps consent, carries datagrams.

    An ICE restart makes another one beside it (`IceGenerations`).

    Args:
        local: Our username fragment and password.
        servers: STUN and TURN servers; every URL is used.
        policy: Which candidates are used.
        interfaces: Local addresses to bind; all but the loopback's where None.
        ports: UDP port to share, or first and last UDP port to bind; any port where None.
        ice_tcp: TCP candidates are used beside those of UDP (RFC 6544).
        remote_filter: Decides which candidates of the peer are checked.
        announced: Replaces local addresses in the candidates that are reported.
        connect_timeout: Longest wait in seconds for a peer whose candidates have not all come, or
            who may not have our answer yet.
        events: Told of candidates, path and state.
        on_datagram: Called with each datagram of the peer that is not STUN.
        on_early_peer, embedding: As of an `IceAgent`.
        on_stranger: Takes datagrams of unknown senders where the peer has no ICE, each with the way
            back; None where such a peer is not accepted. `on_datagram` then returns whether the
            datagram has authenticated.
        timing: Intervals and timeouts.
        tap: Told of every datagram, where the transport is traced.

    Attributes:
        datagrams: Sends to the peer.

    Raises:
        ConfigurationError: The URL of a server is malformed, or none can be used.
    """

    def __init__(
        self,
        *,
        local: IceParameters,
        servers: Sequence[IceServer] = (),
        policy: IceTransportPolicy = IceTransportPolicy.ALL,
        interfaces: Sequence[str] | None = None,
        ports: Ports | None = None,
        ice_tcp: bool = False,
        remote_filter: CandidateFilter | None = None,
        announced: AddressTranslation | None = None,
        connect_timeout: Seconds = 300.0,
        events: IceEvents,
        on_datagram: Callable[[bytes], object],
        on_early_peer: Callable[[str], bool] | None = None,
        on_stranger: Callable[[bytes, StrangerPath], None] | None = None,
        timing: IceTiming | None = None,
        embedding: StunEmbedding | None = None,
        tap: SocketTap | None = None,
    ) -> None:
        self.local = local
        self.state = IceTransportState.NEW
        self.gathering_state = IceGatheringState.NEW
        self.error: IceError | None = None
        self._role: IceRole | None = None
        self._events = events
        self._timing = timing or IceTiming()
        self._uses_tcp = ice_tcp
        relay_only = policy is IceTransportPolicy.RELAY
        self._agent = IceAgent(
            local,
            relay_only=relay_only,
            pacing=self._timing.pacing,
            release_timeout=self._timing.release,
            on_datagram=on_datagram,
            on_path=self._on_path,
            on_other_path=self._on_other_path,
            on_check=self._on_check,
            accepts=self._accepts,
            on_early_peer=on_early_peer,
            embedding=embedding,
            tap=tap,
        )
        self.datagrams = IceDatagrams(self._agent)
        self._gathering = Gathering(
            self._agent,
            servers=parse_servers(servers),
            relay_only=relay_only,
            interfaces=interfaces,
            ports=ports,
            tcp=ice_tcp,
            server_timeout=self._timing.server_timeout,
            on_candidate=self._on_gathered,
            on_failure=self._on_server_failure,
        )
        #: With the transports of forks, which gather nothing themselves.
        self._shared = SharedGathering(self)
        self._on_datagram = on_datagram
        self._on_stranger = on_stranger
        self._early = EarlyStrangers()
        self._latching: LatchingPath | None = None
        self._aiortc = AiortcIce(self._agent)
        self._remote_filter = remote_filter or CandidateFilter()
        self._announced = announced or AddressTranslation()
        #: As they are announced, with those of aioice, in the order in which they came.
        self._gathered: dict[CandidateFields, Candidate] = {}
        self._longest_wait = connect_timeout
        # RFC 8445 section 7.1.3: a check of the peer's has our credentials, of our description.
        self._remote_ended = self._peer_knows_us = False
        self._candidates_unusable = self._candidates_refused = 0
        self._consent: ConsentMonitor | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connect_timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        pair = self.selected_pair
        path = "no pair" if pair is None else " -> ".join(f"{c.address}:{c.port}" for c in pair)
        return f"<IceGeneration {self.local.username_fragment} {self.state}, {path}>"

    @property
    def role(self) -> IceRole | None:
        """Role of our agent, which a role conflict may change; None before `start`."""
        if self._role is None:
            return None
        return IceRole.CONTROLLING if self._agent.ice_controlling else IceRole.CONTROLLED

    @property
    def selected_pair(self) -> tuple[CandidateFields, CandidateFields] | None:
        """Local and remote candidate in use, or None before a check has succeeded."""
        if self._latching is not None:
            return self._latching.pair
        pair = self._agent.selected_pair
        return None if pair is None else (from_aioice(pair[0]), from_aioice(pair[1]))

    @property
    def nominated(self) -> bool:
        """True once the selected pair is nominated, so that both sides know it."""
        return self._agent.nominated

    @property
    def is_heard(self) -> bool:
        """True once a check of the peer came, or a datagram that is no STUN, from anywhere."""
        return bool(self._activity() or self._agent.unvalidated)

    @property
    def path_reason(self) -> str:
        """Reason why the selected pair took the place of another; empty where checks chose it."""
        if self._latching is not None:
            return "the peer has no ICE, a handshake alone moves it (RFC 5763 section 6.7.2)"
        return self._agent.path_reason

    @property
    def latching(self) -> LatchingPath | None:
        """The path to a peer without ICE; None where there is ICE, or no answer yet."""
        return self._latching

    @property
    def local_candidates(self) -> tuple[CandidateFields, ...]:
        """Local candidates gathered so far."""
        return tuple(self._gathered)

    @property
    def remote_candidates(self) -> tuple[CandidateFields, ...]:
        """Remote candidates, signalled or peer-reflexive."""
        return tuple(from_aioice(c) for c in self._agent.remote_candidates)

    @property
    def server_failures(self) -> tuple[ServerFailure, ...]:
        """STUN and TURN servers that did not serve, each with the reason."""
        return tuple(self._gathering.failures)

    def snapshot(self) -> IceSnapshot:
        """Return all candidates and pairs of this moment, with their counts."""
        latched = None if self._latching is None else self._latching.pair
        return take_snapshot(self._agent, self._gathered, latched)

    @property
    def counters(self) -> IceCounters:
        """Counters of this moment."""
        return IceCounters(
            pair_changes=self._agent.pair_counters.changes,
            packets_sent=self.datagrams.packets_sent,
            bytes_sent=self.datagrams.bytes_sent,
            packets_received=self._agent.packets_received,
            bytes_received=self._agent.bytes_received,
            packets_unsent=self.datagrams.packets_unsent,
            packets_unvalidated=self._agent.unvalidated,
            packets_malformed=self._agent.malformed,
            packets_oversized=self._agent.oversized,
            candidates_ignored=self._candidates_unusable + self._agent.ignored_candidates,
            candidates_refused=self._candidates_refused,
        )

    async def gather(self) -> None:
        """Bind every local address, once; servers are asked in the background then.

        Raises:
            PortRangeError: Every port of the range is in use.
            OnePortError: The shared port cannot be bound.
            IceError: No socket could be bound.
        """
        if self.gathering_state is not IceGatheringState.NEW or self._closing is not None:
            return
        self.gathering_state = IceGatheringState.GATHERING
        await self._gathering.bind()
        if self._closing is None:
            if self._on_stranger is not None:
                for each in self._agent.sockets:
                    each.on_stranger = self._early.on_stranger
            self._spawn(self._ask_servers())

    def share_sockets(self, other: IceGeneration, *, peer: str | None) -> None:
        """Use the sockets of another transport of the same credentials, and what it gathers.

        Serve the peer of this username fragment; None stands for all that no other serves.
        """
        self._agent.peer_fragment = peer
        self.gathering_state = other.gathering_state
        for candidate in share_sockets(self._agent, other._agent):
            self._on_local_candidate(candidate)
        self._shared = other._shared
        self._shared.add(self)
        if peer is None:
            serve_unknown_peers(self._agent)

    def serve_peer(self, fragment: str) -> None:
        """Take the checks of a peer, by its username fragment, on the sockets that are shared."""
        serve_peer(self._agent, fragment)

    @property
    def peer_fragment(self) -> str | None:
        """The peer's username fragment, by its first check or by the answer."""
        return self._agent.peer_fragment

    def start(self, remote: IceParameters, role: IceRole, *, is_answerer: bool = False) -> None:
        """Begin the connectivity checks, once; candidates may be added before and after.

        Args:
            remote: The peer's username fragment and password.
            role: Our role; a conflict is repaired (RFC 8445 section 7.3.1.1).
            is_answerer: The peer may not have our answer yet; its first check shows that it has.
        """
        if self.state is not IceTransportState.NEW:
            return
        for each in self._agent.sockets:
            each.on_stranger = None
        self._early.pop_all()
        self._peer_knows_us = not is_answerer or self._agent.checks_received > 0
        self._role = role
        self._agent.with_dtls.expect(is_taken=remote.sped)
        self._agent.set_role(controlling=role is IceRole.CONTROLLING)
        self._set_state(IceTransportState.CHECKING)
        loop, wait = asyncio.get_running_loop(), self._longest_wait
        self._connect_timer = loop.call_later(wait, self._on_connect_timeout, wait)
        self._shorten_wait()
        self._spawn(self._aiortc.start(remote))

    def start_without_ice(
        self, peer: DefaultDestination, *, is_client: bool, on_moved: Callable[[LatchingPath], None]
    ) -> None:
        """Use a path to a peer without ICE, or take the address that it now describes.

        Args:
            peer: Where it receives.
            is_client: We send the ClientHello.
            on_moved: Called where a path in use has another address: a handshake is due there.
        """
        if self._on_stranger is None or self.state in _ENDED:
            return
        if self._latching is None:
            self._agent.give_up()
            self._latching = LatchingPath(
                self._agent,
                self.datagrams,
                local_candidate=lambda socket: candidate_of(socket, self._gathered),
                remote_filter=self._remote_filter,
                receive=cast("Callable[[bytes], bool]", self._on_datagram),
                on_stranger=self._on_stranger,
                events=self,
                timing=self._timing,
            )
        if not self._latching.take(peer, is_client=is_client, on_moved=on_moved):
            self._spawn(self._latching.look_up(peer, is_client=is_client, on_moved=on_moved))

    def on_usable(self) -> None:
        """Become connected, as the peer's address is known; called by the path without ICE."""
        if self._latching is not None and self.state is IceTransportState.NEW:
            self._set_state(IceTransportState.CONNECTED)
            self._latching.flush(self._early.pop_all())

    def on_silence(self, state: ConsentState) -> None:
        """Take what the silence of a peer without ICE means; called by its path."""
        self._on_consent(state)

    def on_unreachable(self, error: IceError) -> None:
        """Fail, as the address of a peer without ICE cannot be used; called by its path."""
        if self.state not in _ENDED:
            self._fail(error)

    def on_path(self) -> None:
        """Pass on that a handshake has moved the path; called by the path without ICE."""
        self._events.on_path()

    def answer_checks(self, *, answer: bool) -> None:
        """Answer checks of the peer, or let its consent to send to us expire (RFC 7675 5.1)."""
        self._agent.answers_checks = answer

    def add_remote_candidate(self, candidate: CandidateFields | None) -> None:
        """Add a candidate that the peer signalled, or None for the end of them.

        One that we cannot use (TCP where it was not asked for, a second component, not a unicast
        address) is counted and ignored, as is one after the end (RFC 8838 section 14). One that
        the filter refuses is counted and reported.
        """
        if candidate is None:
            self._remote_ended = True
            self._shorten_wait()
            self._maybe_complete()
        elif self._remote_ended or not is_usable(candidate, tcp=self._uses_tcp):
            self._candidates_unusable += 1
        elif candidate.tcp_type == "active":
            # RFC 6544 section 6.2: its check comes to a passive candidate of ours, from any port.
            return
        else:
            self._agent.add_remote(to_aioice(candidate))

    def _accepts(self, candidate: Candidate, address: str) -> bool:
        reason = self._remote_filter.refusal(address, candidate.port)
        if reason is not None:
            self._candidates_refused += 1
            self._events.on_candidate_refused(from_aioice(candidate), reason)
        return reason is None

    async def close(self) -> None:
        """End every task and close every socket; may be called at any time and more than once."""
        if self._closing is None:
            self._set_state(IceTransportState.CLOSED)
            self._closing = asyncio.get_running_loop().create_task(self._shut_down())
        # A caller that is cancelled does not leave sockets behind.
        await asyncio.shield(self._closing)

    async def _shut_down(self) -> None:
        if self._connect_timer is not None:
            self._connect_timer.cancel()
        self._shared.leave(self)
        if self._latching is not None:
            self._latching.close()
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._aiortc.stop()

    def _on_path(self) -> None:
        if self.state in _ENDED:
            return
        self._events.on_path()
        if self._consent is None:
            self._consent = ConsentMonitor(
                self._agent,
                self._timing,
                activity=self._activity,
                packets=lambda: self._agent.packets_received,
                read_at=lambda: self._agent.read_at,
                on_state=self._on_consent,
            )
            self._spawn(self._consent.run())
        else:
            # RFC 7675 section 5.1: a check that succeeded is consent.
            self._consent.renew()
        if self.state is IceTransportState.CHECKING:
            if self._connect_timer is not None:
                self._connect_timer.cancel()
            self._set_state(IceTransportState.CONNECTED)
        self._maybe_complete()

    def _on_other_path(self) -> None:
        if self._consent is not None and self.state not in _ENDED:
            self._consent.suspect()

    def _on_check(self) -> None:
        if self.state in _ENDED:
            return
        if not self._peer_knows_us:
            self._peer_knows_us = True
            self._shorten_wait()
        self._events.on_check()

    def _shorten_wait(self) -> None:
        """Wait no longer than RFC 8863 asks for, once it is the peer's turn to be found.

        W3C webrtc-pc section 5.6: a transport fails when there are no more remote candidates, and
        RFC 8863 section 4 gives a peer that has our description some time to find us then.
        """
        timer, wait = self._connect_timer, self._timing.connect_timeout
        loop = asyncio.get_running_loop()
        if (
            timer is not None
            and self.state is IceTransportState.CHECKING
            and self._remote_ended
            and self._peer_knows_us
            and loop.time() + wait < timer.when()
        ):
            timer.cancel()
            self._connect_timer = loop.call_later(wait, self._on_connect_timeout, wait)

    def _activity(self) -> int:
        return self._agent.packets_received + self._agent.checks_received

    def _on_consent(self, state: ConsentState) -> None:
        if self.state in _ENDED:
            return
        match state:
            case ConsentState.FRESH:
                self._set_state(IceTransportState.CONNECTED)
                self._maybe_complete()
            case ConsentState.SILENT:
                self._set_state(IceTransportState.DISCONNECTED)
            case ConsentState.EXPIRED:
                self._fail(self._consent_error())
            case _:
                assert_never(state)

    def _on_gathered(self, candidate: Candidate) -> None:
        self._on_local_candidate(candidate)
        self._shared.found(self, candidate)

    def _on_local_candidate(self, candidate: Candidate) -> None:
        if self._closing is not None:
            return
        fields = self._announced.applied(from_aioice(candidate))
        server = self._gathering.server_of(candidate)
        if server is not None:
            protocol = server.transport if isinstance(server, TurnServer) else None
            fields = replace(fields, server_url=server.url, relay_protocol=protocol)
        # RFC 8445 section 5.1.3: a STUN server may show the address that is announced already.
        if self._announced and any(
            (known.address, known.port, known.transport)
            == (fields.address, fields.port, fields.transport)
            for known in self._gathered
        ):
            return
        self._gathered[fields] = candidate
        self._events.on_candidate(fields)

    def _on_server_failure(self, failure: ServerFailure) -> None:
        if self._closing is None:
            self._events.on_server_failure(failure)
            self._shared.failed(self, failure)

    async def _ask_servers(self) -> None:
        await self._gathering.ask_servers()
        self._shared.ended(self)
        self.on_shared_end()

    def on_shared_candidate(self, source: GatheringMember, candidate: Candidate) -> None:
        """Use and report a candidate that another transport on our sockets has gathered."""
        assert isinstance(source, IceGeneration)
        agent = source._agent  # noqa: SLF001 - of this class
        if self._closing is None and share_candidate(self._agent, agent, candidate):
            self._on_local_candidate(candidate)

    def on_shared_failure(self, failure: ServerFailure) -> None:
        """Report a server that did not serve another transport on our sockets."""
        if self._closing is None:
            self._gathering.failures.append(failure)
            self._events.on_server_failure(failure)

    def continue_gathering(self, source: GatheringMember) -> None:
        """Ask the servers that a transport on our sockets, which ends, has no answer of."""
        assert isinstance(source, IceGeneration)
        self._gathering.note_as_asked_by(source._gathering)  # noqa: SLF001 - of this class
        self._spawn(self._ask_servers())

    def on_shared_end(self) -> None:
        """Note that there will be no more candidates of ours."""
        if self._closing is None:
            self.gathering_state = IceGatheringState.COMPLETE
            self._events.on_candidate(None)
            self._maybe_complete()

    def _on_connect_timeout(self, waited: Seconds) -> None:
        self._fail(
            no_path(
                timeout=waited,
                local=self.local_candidates,
                remote=self.remote_candidates,
                checks_sent=self._agent.checks_sent,
                checks_refused=self._agent.checks_refused,
                checks_received=self._agent.checks_received,
                checks_contended=self._agent.checks_contended,
                failures=self.server_failures,
                has_answered=not self._peer_knows_us,
            )
        )

    def _consent_error(self) -> IceError:
        if self._latching is not None:
            return nothing_authenticated(self._timing.consent_expiry)
        withdrawn = self._consent is not None and self._consent.withdrawn
        return consent_withdrawn() if withdrawn else consent_expired(self._timing.consent_expiry)

    def _fail(self, error: IceError) -> None:
        self.error = error
        self._agent.give_up()
        self._set_state(IceTransportState.FAILED)

    def _maybe_complete(self) -> None:
        # W3C webrtc-pc section 5.6.2: no better pair can turn up any more.
        if (
            self.state is IceTransportState.CONNECTED
            and self._agent.nominated
            and self._remote_ended
            and self.gathering_state is IceGatheringState.COMPLETE
        ):
            self._set_state(IceTransportState.COMPLETED)

    def _set_state(self, state: IceTransportState) -> None:
        if state is not self.state:
            self.state = state
            self._events.on_state(state)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
