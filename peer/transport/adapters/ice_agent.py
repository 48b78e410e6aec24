"""ICE agent (RFC 8445), made of aioice's Connection with our pacing, path selection and limits.

The check list, its pairs and the STUN messages are aioice's. Ours are: when a check is due, which
pair carries data, which sources are accepted, and a limit on everything that a peer can make grow.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from aioice import Candidate, Connection, TransportPolicy, stun
from aioice.ice import ICE_COMPLETED, ICE_FAILED, CandidatePair, StunProtocol

from peer.transport.adapters.check_list import (
    MAX_PAIRS,
    MAX_REMOTE_CANDIDATES,
    failed_pairs,
    has_room_for,
    next_pair,
    pair_of,
    udp_may_work,
)
from peer.transport.adapters.consent_check import ConsentCheck, SingleChecks
from peer.transport.adapters.embedded_attributes import ChecksWithDtls
from peer.transport.adapters.ice_socket import Address, IceSocket
from peer.transport.adapters.mdns import MdnsResolver, is_mdns_name
from peer.transport.adapters.pair_counters import PairCounters
from peer.transport.adapters.path_probes import PathProbes
from peer.transport.adapters.tcp_candidates import COMPONENT, TcpCandidate
from peer.transport.adapters.traced_socket import TracedSocket
from peer.transport.adapters.unanswered_checks import UnansweredChecks
from peer.wake_up import WakeUp

if TYPE_CHECKING:
    from peer.ice import IceParameters
    from peer.times import MonotonicTime, Seconds
    from peer.transport.adapters.consent_check import OnConsentAnswer
    from peer.transport.adapters.traced_socket import SocketTap
    from peer.transport.wire.stun_embedding import StunEmbedding

#: Seconds by which checks over TCP are later where there is UDP as well (ours): a check that was
#: lost is sent again after 0.5 s.
UDP_HEAD_START = 1.0
#: Role conflicts repaired before checks are failed (ours): two peers that both repair a conflict
#: agree after one or two, one that goes on is broken or hostile.
MAX_ROLE_SWITCHES = 8
#: Seconds without anything to check after which failed pairs are checked again, while there is no
#: path: the peer may have our answer late, and a NAT before us must let its checks in (ours).
RECHECK_INTERVAL = 10.0


class IceAgent(Connection):
    """ICE agent of one generation: local candidates, check list, selected path and consent checks.

    Args:
        local: Our username fragment and password.
        relay_only: Use relayed candidates only.
        pacing: Ta, least time in seconds between two checks that we begin (RFC 8445 section 14.2).
        release_timeout: Seconds that a TURN server may take to delete an allocation on close.
        on_datagram: Called by the sockets with each datagram of a validated source that is not
            STUN.
        on_path: Called when a check has succeeded on the pair that is selected, which may have
            moved `path`, and when another pair was selected.
        on_other_path: Called when a check of ours or of the peer has succeeded on another pair.
        on_check: Called with each authenticated check of the peer, once checks have begun.
        accepts: Decides whether a candidate that the peer signalled is checked, given its address
            or name, and again the address that a name leads to.
        on_early_peer: Called, while there is no answer, with the username fragment of a peer that
            checks, unless it is `peer_fragment`. True where that peer is not ours to serve.
        embedding: DTLS handshake to embed in checks; None where that is not asked for.
        tap: Told of every datagram, where the transport is traced.

    Attributes:
        with_dtls: Embeds DTLS in checks, where that is asked for.
        peer_fragment: The peer's username fragment, by its first check or by the answer.
        answers_checks: Whether the peer may send to us. False lets its consent to do so expire.
        path: Socket and remote address that data is sent by, or None.
        path_reason: Why its pair took the place of another; empty where it was the first.
        checks_sent: Connectivity checks sent, without retransmissions.
        checks_refused: Responses with a STUN error.
        checks_received: Authenticated checks of the peer.
        pair_counters: Counts by candidate pair.
        packets_received: Datagrams given to `on_datagram`.
        bytes_received: Sum of their sizes in bytes.
        unvalidated: Datagrams dropped, as no check has validated their source.
        malformed: STUN messages dropped, as they could not be parsed.
        oversized: Datagrams dropped, as they were too long for the receive buffer.
        ignored_candidates: Remote candidates that could not be used, or were too many.
    """

    def __init__(
        self,
        local: IceParameters,
        *,
        relay_only: bool,
        pacing: Seconds,
        release_timeout: Seconds,
        on_datagram: Callable[[bytes], object],
        on_path: Callable[[], None],
        on_other_path: Callable[[], None],
        on_check: Callable[[], None],
        accepts: Callable[[Candidate, str], bool],
        on_early_peer: Callable[[str], bool] | None = None,
        embedding: StunEmbedding | None = None,
        tap: SocketTap | None = None,
    ) -> None:
        super().__init__(
            ice_controlling=False,
            local_username=local.username_fragment,
            local_password=local.password,
            transport_policy=TransportPolicy.RELAY if relay_only else TransportPolicy.ALL,
        )
        self.on_datagram = on_datagram
        self.with_dtls = ChecksWithDtls(self, embedding, on_datagram)
        self.path: tuple[IceSocket, Address] | None = None
        self.path_reason = ""
        self.checks_sent = self.checks_refused = self.checks_received = 0
        self.packets_received = self.bytes_received = 0
        self.unvalidated = self.malformed = self.oversized = 0
        self.ignored_candidates = 0
        self.answers_checks = True
        self.peer_fragment: str | None = None
        self.pair_counters = PairCounters()
        self._on_early_peer = on_early_peer
        self._on_path = on_path
        self._on_other_path = on_other_path
        self._on_check = on_check
        self._accepts = accepts
        self._tap = tap
        self._relay_only = relay_only
        self._pacing = pacing
        self._release_timeout = release_timeout
        self._role_known = False
        self._role_switches = 0
        self._started = False
        self._halted = False
        # True from the beginning, so that aioice hands every authenticated check to
        # `check_incoming`, which keeps the early ones itself.
        self._early_checks_done = True
        self._pair_is_due = WakeUp()
        self._unanswered = UnansweredChecks()
        self._consent_checks = SingleChecks()
        self._probes = PathProbes(
            pacing=pacing,
            request=partial(super().build_request, nominate=False),
            counters=self.pair_counters,
        )
        self._mdns = MdnsResolver()

    def __repr__(self) -> str:
        role = "controlling" if self.ice_controlling else "controlled"
        pair = self.selected_pair
        path = "no pair" if pair is None else " -> ".join(f"{c.host}:{c.port}" for c in pair)
        return f"<IceAgent {self.local_username} {role}, {path}>"

    @property
    def closing(self) -> bool:
        """True once `close` was called."""
        return self._closing

    @property
    def sockets(self) -> tuple[IceSocket, ...]:
        """Sockets and TURN allocations that are open."""
        return tuple(p for p in self._protocols if isinstance(p, IceSocket))

    @property
    def checks_contended(self) -> int:
        """Checks and answers dropped, as another connection on our port has their source."""
        return sum(each.contended for each in self.sockets)

    @property
    def read_at(self) -> MonotonicTime | None:
        """Time of the last wake-up of a socket with a datagram; None where no socket says so."""
        times = [s.read_at for s in self.sockets if s.read_at is not None]
        return max(times, default=None)

    @property
    def selected_pair(self) -> tuple[Candidate, Candidate] | None:
        """Nominated pair, or the best valid pair before a nomination: local, remote candidate."""
        pair = self.best_pair()
        return None if pair is None else (pair.local_candidate, pair.remote_candidate)

    @property
    def nominated(self) -> bool:
        """True once a pair is nominated."""
        return bool(self._nominated)

    @property
    def relay_only(self) -> bool:
        """True where only relayed candidates are used."""
        return self._relay_only

    @property
    def pairs(self) -> tuple[CandidatePair, ...]:
        """All candidate pairs, the best first."""
        return tuple(self._check_list)

    @property
    def early_checks(self) -> tuple[tuple[stun.Message, Address, StunProtocol], ...]:
        """Checks of the peer that came before its description."""
        return tuple(self._early_checks)

    # Gathering

    def make_socket(self) -> IceSocket:
        """Make a socket of this agent, not yet bound."""
        return IceSocket(self) if self._tap is None else TracedSocket(self, self._tap)

    def add_local(self, protocol: IceSocket, candidate: Candidate) -> None:
        """Take a bound socket and its local candidate into use."""
        protocol.local_candidate = candidate
        self._protocols.append(protocol)
        self.add_reflexive(candidate)
        # RFC 8838 section 10: what was gathered late is paired with what the peer sent so far.
        for remote in self._remote_candidates:
            self._pair_remote_candidate(remote)
        self.sort_check_list()
        self._pair_is_due.set()

    def add_reflexive(self, candidate: Candidate) -> None:
        """Add a server-reflexive candidate; pairs are made with its base, which has the socket."""
        self._local_candidates.append(candidate)

    # Remote candidates

    def add_remote(self, candidate: Candidate) -> None:
        """Add a candidate that the peer signalled; an unusable one is counted and ignored."""
        if self._closing or not self._accepts(candidate, candidate.host):
            return
        if not is_mdns_name(candidate.host):
            self._add_remote_candidate(candidate, candidate.host)
        # A name that is resolved and never paired would only tell the network that we look for it.
        elif self._relay_only or not self._mdns.resolve(
            candidate.host, lambda address: self._add_resolved(candidate, address)
        ):
            self.ignored_candidates += 1

    def _add_resolved(self, candidate: Candidate, address: str) -> None:
        if not self._closing and self._accepts(candidate, address):
            self._add_remote_candidate(candidate, address)

    def _add_remote_candidate(self, remote_candidate: Candidate, network_host: str) -> None:
        # A candidate whose address the peer showed us already (prflx) is only given its name.
        is_new = not any(
            (known._network_host, known.port, known.transport)
            == (network_host, remote_candidate.port, remote_candidate.transport)
            for known in self._remote_candidates
        )
        if self._closing or (is_new and len(self._remote_candidates) >= MAX_REMOTE_CANDIDATES):
            self.ignored_candidates += 1
            return
        super()._add_remote_candidate(remote_candidate, network_host)
        self._pair_is_due.set()

    def _pair_remote_candidate(self, remote_candidate: Candidate) -> None:
        if len(self._check_list) + len(self._protocols) <= MAX_PAIRS:
            super()._pair_remote_candidate(remote_candidate)

    # Checks

    def set_role(self, *, controlling: bool) -> None:
        """Set our role by the descriptions; a role conflict may change it (RFC 8445 7.3.1.1)."""
        self._role_known = True
        self.ice_controlling = controlling

    def switch_role(self, ice_controlling: bool) -> None:
        """Repair a role conflict (RFC 8445 section 7.3.1.1)."""
        self._role_switches += 1
        super().switch_role(ice_controlling)

    async def connect(self) -> None:
        """Check candidate pairs until one is nominated.

        Raises:
            ConnectionError: `give_up` or `close` was called before that.
        """
        self._started = True
        for remote in self._remote_candidates:
            self._pair_remote_candidate(remote)
        self.sort_check_list()
        # RFC 8445 section 7.3: checks that came before the peer's password are handled now.
        while self._early_checks:
            self.check_incoming(*self._early_checks.popleft())
        pacer = asyncio.create_task(self._pace_checks())
        try:
            result = await self._check_list_state.get()
        finally:
            pacer.cancel()
            await asyncio.wait([pacer])
        if result != ICE_COMPLETED:
            raise ConnectionError("ICE has failed")

    def give_up(self) -> None:
        """Stop connectivity checks and sending, for good."""
        self._halted = True
        self.path = None
        self._probes.end()
        self._abandon_checks()
        if not self._check_list_done:
            self._check_list_done = True
            self._check_list_state.put_nowait(ICE_FAILED)

    async def _pace_checks(self) -> None:
        # RFC 8445 section 6.1.4.2: Ta lies between two checks. Work that arrives after a longer
        # pause is therefore due at once, and nothing waits after the last check.
        while True:
            self._pair_is_due.clear()
            pair = next_pair(self._check_list)
            if pair is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if self.path else RECHECK_INTERVAL):
                        await self._pair_is_due.wait()
                        continue
                self._check_failed_pairs_again()
            else:
                self.check_start_task(pair)
                await asyncio.sleep(self._pacing)

    def _check_failed_pairs_again(self) -> None:
        # RFC 8863 section 4: the peer may begin late. aioice gives a check up after 63 s, and a NAT
        # forgets after 30 s that we have sent to the peer (RFC 4787 section 4.3 asks for 120).
        for pair in failed_pairs(self._check_list):
            self.check_state(pair, CandidatePair.State.WAITING)

    def _abandon_checks(self) -> None:
        # RFC 8445 section 8.1.2: once a pair is nominated the others are left, unless the peer
        # nominated them too. They can be checked again when the peer asks.
        for pair in self._check_list:
            if pair.task is not None and not pair.remote_nominated:
                pair.task.cancel()
                pair.task = None
                self._unanswered.end(pair)
                self.check_state(pair, CandidatePair.State.FROZEN)

    async def check_start(self, pair: CandidatePair) -> None:
        """Check a pair, unless the peer drives us through one role conflict after the other."""
        if self._role_switches > MAX_ROLE_SWITCHES:
            self.check_state(pair, CandidatePair.State.FAILED)
            self.check_complete(pair)
            return
        if isinstance(pair.local_candidate, TcpCandidate) and udp_may_work(self._check_list):
            # The first pair that succeeds is nominated, and media suffers on TCP.
            await asyncio.sleep(UDP_HEAD_START)
        await super().check_start(pair)

    def build_request(self, pair: CandidatePair, nominate: bool) -> stun.Message:
        """Build a connectivity check, and keep it until it is answered."""
        # aioice nominates with every check (RFC 5245 section 8.1.1.2), which saves a round trip.
        # RFC 8445 section 8.1.1: we stay with the first pair that succeeds.
        request = super().build_request(pair, nominate and not self._nominated)
        if isinstance(pair.local_candidate, TcpCandidate):
            request.attributes["PRIORITY"] = pair.local_candidate.priority_as("prflx")
        self.with_dtls.add_to_check(request)
        self._unanswered.add(pair, request)
        self.pair_counters.on_request(pair, request.transaction_id)
        self.checks_sent += 1
        return request

    def request_received(
        self, message: stun.Message, addr: Address, protocol: StunProtocol
    ) -> None:
        """Answer a STUN binding request, unless we withhold consent; called by a socket."""
        if not self.answers_checks:
            return
        if not self._role_known:
            # Our role is known with the answer only; until then we take the one that fits.
            self.ice_controlling = "ICE-CONTROLLED" in message.attributes
        if not self._started and self._is_of_another_peer(message):
            assert isinstance(protocol, IceSocket)
            protocol.pass_to_fork(message, addr)
            return
        if self._halted and self._is_authentic(message):
            # An answer would be consent to be sent to, and the peer would take a path that we have
            # given up for one that works. Only an ICE restart leads on, at both ends.
            self.respond_error(message, addr, protocol, (403, "Forbidden"))
            return
        self.with_dtls.take_from_check(message)
        super().request_received(message, addr, protocol)

    def _is_of_another_peer(self, message: stun.Message) -> bool:
        fragment = message.attributes.get("USERNAME", "").partition(":")[2]
        if self._on_early_peer is None or fragment == self.peer_fragment:
            return False
        if not self._is_authentic(message):
            return False
        is_others = self._on_early_peer(fragment)
        if not is_others and self.peer_fragment is None:
            self.peer_fragment = fragment
        return is_others

    def _is_authentic(self, message: stun.Message) -> bool:
        return (
            not self._closing
            and message.message_method == stun.Method.BINDING
            and "MESSAGE-INTEGRITY" in message.attributes
            and self._valid_username(message.attributes.get("USERNAME", ""))
            and message.check_message_integrity(self.local_password.encode())
        )

    def check_incoming(self, message: stun.Message, addr: Address, protocol: StunProtocol) -> None:
        """Process an authenticated check of the peer, which aioice has answered."""
        assert isinstance(protocol, IceSocket)
        self.checks_received += 1
        protocol.allow_source(addr)
        if not self._started:
            # An offerer may be sent a ClientHello before it has the answer, and has to reply.
            self.path = (protocol, addr)
            self._early_checks.append((message, addr, protocol))
            return
        self._on_check()
        # RFC 8445 section 7.1.1: PRIORITY is mandatory; it becomes that of a prflx candidate.
        if (
            self._halted
            or "PRIORITY" not in message.attributes
            or not has_room_for(self._check_list, self._remote_candidates, protocol, addr)
        ):
            return
        super().check_incoming(message, addr, protocol)
        self._repeat_check(protocol, addr)
        pair = pair_of(self._check_list, protocol, addr)
        if pair is None:
            return
        self.pair_counters.on_check_of_peer(pair)
        local = protocol.local_candidate
        if isinstance(local, TcpCandidate) and pair.remote_candidate.type == "prflx":
            local.describe(pair.remote_candidate)
        if pair.state is CandidatePair.State.SUCCEEDED and pair is not self.best_pair():
            self._on_other_path()

    def _repeat_check(self, protocol: StunProtocol, addr: Address) -> None:
        # RFC 8445 section 7.3.1.4: a check in progress is sent again at once, because the peer's
        # own has just opened the path through its NAT. Once only.
        pair = pair_of(self._check_list, protocol, addr)
        if pair is not None and pair.state is CandidatePair.State.IN_PROGRESS:
            request = self._unanswered.take(pair)
            if request is not None:
                protocol.send_stun(request, addr)

    def check_complete(self, pair: CandidatePair) -> None:
        """Process the result of a check, and move `path` if another pair is best now."""
        self._unanswered.end(pair)
        if self.ice_controlling and self._nominated:
            pair.nominated = pair is self._nominated.get(COMPONENT)
        was_done = self._check_list_done
        before = self.best_pair()
        is_nominated_again = pair.task is None and self._nominated.get(COMPONENT) is pair
        super().check_complete(pair)
        if self._check_list_done and not was_done:
            self._abandon_checks()
        if pair.state is not CandidatePair.State.SUCCEEDED or self._halted:
            return
        assert isinstance(pair.protocol, IceSocket)
        pair.protocol.allow_source(pair.remote_addr)
        # RFC 8445 section 12.1: a valid pair may carry data before one is nominated. A nomination
        # of another pair later moves the path; libwebrtc does that when it finds a better one.
        self._choose_path()
        if pair is not self.best_pair():
            self._on_other_path()
            return
        if is_nominated_again:
            # libwebrtc does so with every check. It is no answer, and renews no consent (RFC 7675).
            return
        if before not in (None, pair):
            self.path_reason = "the peer nominated it" if pair.nominated else "it is a better one"
        self._on_path()

    def _check_list_maybe_fail(self) -> None:
        """Keep checking without pairs: the peer may still find us (RFC 8863 section 4)."""

    def best_pair(self) -> CandidatePair | None:
        """Return the nominated pair or, before a nomination, the best valid one."""
        succeeded = (p for p in self._check_list if p.state is CandidatePair.State.SUCCEEDED)
        return self._nominated.get(COMPONENT) or next(succeeded, None)

    def _choose_path(self) -> None:
        pair = self.best_pair()
        self.pair_counters.select(pair)
        if pair is None or not isinstance(pair.protocol, IceSocket):
            self.path = None
        else:
            self.path = (pair.protocol, pair.remote_addr)

    # Consent

    def send_consent_check(self, on_answer: OnConsentAnswer) -> None:
        """Send a consent check on the selected pair (RFC 7675 section 5.1).

        Args:
            on_answer: Called with the round trip in seconds, or None if the peer withdrew consent.
        """
        pair = self.best_pair()
        if pair is None or self.remote_password is None:
            return
        # A controlling side repeats its nomination, so that a peer that was sent several
        # (RFC 5245 section 8.1.1.2) ends on the pair that we use.
        request = super().build_request(pair, nominate=self.ice_controlling)
        key = self.remote_password.encode()
        request.add_message_integrity(key)
        counts = self.pair_counters.of(pair)
        counts.consent_requests_sent += 1
        answered = partial(self._on_consent_answer, pair, on_answer)
        check = ConsentCheck(request, pair, key, counts=counts, on_answer=answered)
        self._consent_checks.send(check, request, pair)

    def _on_consent_answer(
        self, pair: CandidatePair, on_answer: OnConsentAnswer, round_trip_time: Seconds | None
    ) -> None:
        # RFC 7675 section 5.1: consent is for one pair; a late answer of the former one is none.
        if pair is self.best_pair():
            if round_trip_time is not None:
                # `hold_path` may have taken it away.
                self._choose_path()
            on_answer(round_trip_time)

    def hold_path(self) -> None:
        """Send no data until a check is answered."""
        self.path = None

    # Another path

    def probe_others(self, on_answer: Callable[[], None]) -> None:
        """Check each pair but the selected one once, unless that goes on already.

        Args:
            on_answer: Called when one of them has answered, so that it could take over.
        """
        if self._halted or self.remote_password is None:
            return
        # Those that were not checked before the nomination were removed (RFC 8445 8.1.2).
        for remote in self._remote_candidates:
            self._pair_remote_candidate(remote)
        self.sort_check_list()
        selected = self.best_pair()
        others = [pair for pair in self._check_list if pair is not selected]
        others.sort(key=lambda pair: pair.state is not CandidatePair.State.SUCCEEDED)
        self._probes.begin(others, self.remote_password.encode(), on_answer)

    def end_probes(self) -> None:
        """Forget what `probe_others` has found, as the selected pair works."""
        self._probes.end()

    def replace_path(self) -> bool:
        """Select the best of the pairs that `probe_others` has found; return False without one.

        RFC 8445 section 8.1.1 has one nomination in a session, which would leave only an ICE
        restart. libwebrtc, and so every browser, moves on, and follows a peer that does.
        """
        working = [pair for pair in self._check_list if self._probes.has_answered(pair)]
        if not working or self._halted:
            return False
        for pair in self._check_list:
            if pair.state is CandidatePair.State.SUCCEEDED and pair not in working:
                # The peer may nominate it again; then it is checked before it is used.
                pair.remote_nominated = pair.nominated = False
                self.check_state(pair, CandidatePair.State.FAILED)
        best = working[0]
        self.check_state(best, CandidatePair.State.SUCCEEDED)
        if self._nominated:
            best.nominated = True
            self._nominated[COMPONENT] = best
        assert isinstance(best.protocol, IceSocket)
        best.protocol.allow_source(best.remote_addr)
        self.path_reason = "the one before answers no check any more"
        self._probes.end()
        self._choose_path()
        self._on_path()
        return True

    # The end

    def protocol_lost(self, protocol: StunProtocol) -> None:
        """Remove a socket that was closed, such as that of a TURN server that hung up."""
        if self._closing:
            return
        gone = [pair for pair in self._check_list if pair.protocol is protocol]
        for pair in gone:
            if pair.task is not None:
                pair.task.cancel()
            self._check_list.remove(pair)
            self._unanswered.end(pair)
            if self._nominated.get(COMPONENT) is pair:
                del self._nominated[COMPONENT]
        if self.path is not None and self.path[0] is protocol:
            self._choose_path()

    async def close(self) -> None:
        """End every task and close every socket."""
        self._halted = True
        self.path = None
        self._probes.end()
        protocols, self._protocols = self._protocols, []
        await self._mdns.close()
        await super().close()
        releases = [p.release(self._release_timeout) for p in protocols if isinstance(p, IceSocket)]
        await asyncio.gather(*releases)
