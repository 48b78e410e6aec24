"""Owns the ICE adapter: aioice's Connection with our gathering, pacing and path choice.

The check list, its pairs and the STUN messages are aioice's. Ours are: when a check is due, which
pair carries data, who is heard, and a bound on everything that a peer can make grow.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from aioice import Candidate, TransportPolicy, stun
from aioice.ice import ICE_COMPLETED, ICE_FAILED, CandidatePair, StunProtocol

from peer.transport.adapters.ice_bounds import BoundedConnection
from peer.transport.adapters.ice_consent import ConsentAnswer, ConsentCheck
from peer.transport.adapters.ice_socket import Address, IceSocket
from peer.transport.adapters.mdns import MdnsResolver, is_mdns_name
from peer.transport.adapters.traced_socket import TracedSocket

if TYPE_CHECKING:
    from peer.ice_parameters import IceParameters
    from peer.transport.adapters.ice_timing import IceTiming
    from peer.transport.tap import Tap

# Each outstanding consent check may still be answered; more than eight do not fit into 30 s.
MAX_CONSENT_CHECKS = 8
COMPONENT = 1


class IceAgent(BoundedConnection):
    """One ICE generation of one side.

    Args:
        local: Our username fragment and password.
        relay_only: Use relayed candidates only.
        timing: The intervals.
        on_datagram: Handed each datagram that is not STUN, from an address that is the peer's.
        on_path: Called when a check has succeeded, which may have moved `path`.
        tap: Told of every datagram, where the transport is traced.
    """

    def __init__(
        self,
        local: IceParameters,
        *,
        relay_only: bool,
        timing: IceTiming,
        on_datagram: Callable[[bytes], None],
        on_path: Callable[[], None],
        tap: Tap | None = None,
    ) -> None:
        super().__init__(
            ice_controlling=False,
            local_username=local.username_fragment,
            local_password=local.password,
            transport_policy=TransportPolicy.RELAY if relay_only else TransportPolicy.ALL,
        )
        self.on_datagram = on_datagram
        self._on_path = on_path
        self._tap = tap
        self.path: tuple[IceSocket, Address] | None = None
        self.checks_sent = 0
        self.checks_refused = 0
        self.checks_received = 0
        self.foreign = 0
        self.malformed = 0
        self.oversized = 0
        self._relay_only = relay_only
        self._timing = timing
        self._role_known = False
        self._started = False
        self._halted = False
        # True from the beginning, so that aioice hands every authenticated check to
        # `check_incoming`, which keeps the early ones itself.
        self._early_checks_done = True
        self._unanswered: dict[CandidatePair, stun.Message] = {}
        self._consent_checks: deque[tuple[StunProtocol, bytes]] = deque()
        self._mdns = MdnsResolver()

    @property
    def closing(self) -> bool:
        """Whether `close` was called."""
        return self._closing

    @property
    def sockets(self) -> tuple[IceSocket, ...]:
        """The sockets and TURN allocations that stand."""
        return tuple(p for p in self._protocols if isinstance(p, IceSocket))

    @property
    def selected_pair(self) -> tuple[Candidate, Candidate] | None:
        """The nominated pair, or the best valid one before a nomination."""
        pair = self._best_pair()
        return None if pair is None else (pair.local_candidate, pair.remote_candidate)

    @property
    def nominated(self) -> bool:
        """Whether a pair is nominated."""
        return bool(self._nominated)

    @property
    def relay_only(self) -> bool:
        """Whether only relayed candidates are used."""
        return self._relay_only

    # Gathering

    def make_socket(self) -> IceSocket:
        """A socket of this agent, not yet bound."""
        return IceSocket(self) if self._tap is None else TracedSocket(self, self._tap)

    def add_local(self, protocol: IceSocket, candidate: Candidate) -> None:
        """Take a socket with its candidate into use."""
        protocol.local_candidate = candidate
        self._protocols.append(protocol)
        self.add_reflexive(candidate)
        # RFC 8838 section 10: what was gathered late is paired with what the peer sent so far.
        for remote in self._remote_candidates:
            self._pair_remote_candidate(remote)
        self.sort_check_list()
        self._work.set()

    def add_reflexive(self, candidate: Candidate) -> None:
        """Note a candidate without a socket of its own; its base is what is paired."""
        self._local_candidates.append(candidate)

    # Remote candidates

    def add_remote(self, candidate: Candidate) -> None:
        """Add what the peer signalled; what we cannot use is counted and ignored."""
        if self._closing:
            return
        if not is_mdns_name(candidate.host):
            self._add_remote_candidate(candidate, candidate.host)
        # A name that is resolved and never paired would only tell the network that we look for it.
        elif self._relay_only or not self._mdns.resolve(
            candidate.host, lambda address: self._add_remote_candidate(candidate, address)
        ):
            self.ignored_candidates += 1

    # Checks

    def set_role(self, *, controlling: bool) -> None:
        """Take the role that the descriptions gave us; a conflict with the peer's may change it."""
        self._role_known = True
        self.ice_controlling = controlling

    async def connect(self) -> None:
        """Check pairs until one is nominated.

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
        """Stop checking and sending, for good."""
        self._halted = True
        self.path = None
        self._abandon_checks()
        if not self._check_list_done:
            self._check_list_done = True
            self._check_list_state.put_nowait(ICE_FAILED)

    async def _pace_checks(self) -> None:
        # RFC 8445 section 6.1.4.2: Ta lies between two checks. Work that arrives after a longer
        # pause is therefore due at once, and nothing waits after the last check.
        while True:
            self._work.clear()
            pair = self._next_pair()
            if pair is None:
                await self._work.wait()
            else:
                self.check_start_task(pair)
                await asyncio.sleep(self._timing.pacing)

    def _next_pair(self) -> CandidatePair | None:
        for state in (CandidatePair.State.WAITING, CandidatePair.State.FROZEN):
            for pair in self._check_list:
                if pair.state is state and pair.task is None:
                    return pair
        return None

    def _abandon_checks(self) -> None:
        # RFC 8445 section 8.1.2: once a pair is nominated the others are left, unless the peer
        # nominated them too. They can be checked again when the peer asks.
        for pair in self._check_list:
            if pair.task is not None and not pair.remote_nominated:
                pair.task.cancel()
                pair.task = None
                self._unanswered.pop(pair, None)
                self.check_state(pair, CandidatePair.State.FROZEN)

    def build_request(self, pair: CandidatePair, nominate: bool) -> stun.Message:
        """Build a check, and remember it until it is answered."""
        # aioice nominates with every check (RFC 5245 section 8.1.1.2), which saves a round trip.
        # RFC 8445 section 8.1.1: we stay with the first pair that succeeds.
        request = super().build_request(pair, nominate and not self._nominated)
        self._unanswered[pair] = request
        self.checks_sent += 1
        return request

    def request_received(
        self, message: stun.Message, addr: Address, protocol: StunProtocol
    ) -> None:
        """Answer a check."""
        if not self._role_known:
            # Our role is known with the answer only; until then we take the one that fits.
            self.ice_controlling = "ICE-CONTROLLED" in message.attributes
        super().request_received(message, addr, protocol)

    def check_incoming(self, message: stun.Message, addr: Address, protocol: StunProtocol) -> None:
        """Take in a check that is authenticated and answered."""
        assert isinstance(protocol, IceSocket)
        self.checks_received += 1
        protocol.hear(addr)
        if not self._started:
            # An offerer may be sent a ClientHello before it has the answer, and has to reply.
            self.path = (protocol, addr)
            self._early_checks.append((message, addr, protocol))
            return
        # RFC 8445 section 7.1.1: PRIORITY is mandatory; it becomes that of a prflx candidate.
        if (
            self._halted
            or "PRIORITY" not in message.attributes
            or not self._has_room_for(protocol, addr)
        ):
            return
        super().check_incoming(message, addr, protocol)
        self._repeat_check(protocol, addr)

    def _repeat_check(self, protocol: StunProtocol, addr: Address) -> None:
        # RFC 8445 section 7.3.1.4: a check in progress is sent again at once, because the peer's
        # own has just opened the way through its NAT. Once only.
        pair = self._pair_of(protocol, addr)
        if pair is not None and pair.state is CandidatePair.State.IN_PROGRESS:
            request = self._unanswered.pop(pair, None)
            if request is not None:
                protocol.send_stun(request, addr)

    def check_complete(self, pair: CandidatePair) -> None:
        """Note the result of a check, and let the path follow."""
        self._unanswered.pop(pair, None)
        if self.ice_controlling and self._nominated:
            pair.nominated = pair is self._nominated.get(COMPONENT)
        was_done = self._check_list_done
        super().check_complete(pair)
        if self._check_list_done and not was_done:
            self._abandon_checks()
        if pair.state is not CandidatePair.State.SUCCEEDED or self._halted:
            return
        assert isinstance(pair.protocol, IceSocket)
        pair.protocol.hear(pair.remote_addr)
        # RFC 8445 section 12.1: a valid pair may carry data before one is nominated. A nomination
        # of another pair later moves the path; libwebrtc does that when it finds a better one.
        self._choose_path()
        self._on_path()

    def _check_list_maybe_fail(self) -> None:
        """Never fail for want of pairs: RFC 8863 section 4 waits, as the peer may still find us."""

    def _best_pair(self) -> CandidatePair | None:
        succeeded = (p for p in self._check_list if p.state is CandidatePair.State.SUCCEEDED)
        return self._nominated.get(COMPONENT) or next(succeeded, None)

    def _choose_path(self) -> None:
        pair = self._best_pair()
        if pair is None or not isinstance(pair.protocol, IceSocket):
            self.path = None
        else:
            self.path = (pair.protocol, pair.remote_addr)

    # Consent

    def ask_consent(self, on_answer: ConsentAnswer) -> None:
        """Send one consent check on the path (RFC 7675 section 5.1).

        Args:
            on_answer: Called with the round trip in seconds, or None where the peer withdrew.
        """
        pair = self._best_pair()
        if pair is None or self.remote_password is None:
            return
        # A controlling side repeats its nomination, so that a peer that was sent several
        # (RFC 5245 section 8.1.1.2) ends on the pair that we use.
        request = super().build_request(pair, nominate=self.ice_controlling)
        key = self.remote_password.encode()
        request.add_message_integrity(key)
        pair.protocol.transactions[request.transaction_id] = ConsentCheck(
            request, pair, key, on_answer
        )
        self._consent_checks.append((pair.protocol, request.transaction_id))
        if len(self._consent_checks) > MAX_CONSENT_CHECKS:
            protocol, transaction = self._consent_checks.popleft()
            protocol.transactions.pop(transaction, None)
        pair.protocol.send_stun(request, pair.remote_addr)

    # The end

    def protocol_lost(self, protocol: StunProtocol) -> None:
        """Leave a socket that has gone, such as that of a TURN server that hung up."""
        if self._closing:
            return
        gone = [pair for pair in self._check_list if pair.protocol is protocol]
        for pair in gone:
            if pair.task is not None:
                pair.task.cancel()
            self._check_list.remove(pair)
            self._unanswered.pop(pair, None)
            if self._nominated.get(COMPONENT) is pair:
                del self._nominated[COMPONENT]
        if self.path is not None and self.path[0] is protocol:
            self._choose_path()

    async def close(self) -> None:
        """End every task and socket."""
        self._halted = True
        self.path = None
        protocols, self._protocols = self._protocols, []
        await self._mdns.close()
        await super().close()
        releases = [p.release(self._timing.release) for p in protocols if isinstance(p, IceSocket)]
        await asyncio.gather(*releases)
