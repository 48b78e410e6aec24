"""Owns the bounds on what a peer can make an ICE agent keep or do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aioice import Candidate, Connection
from aioice.ice import CandidatePair, StunProtocol

if TYPE_CHECKING:
    from peer.transport.adapters.ice_socket import Address

MAX_REMOTE_CANDIDATES = 128
MAX_PAIRS = 512
# Two peers that both repair a role conflict settle at once; one that goes on is broken or hostile.
MAX_ROLE_SWITCHES = 8


class BoundedConnection(Connection):
    """aioice's Connection, whose tables do not grow without end.

    Args:
        options: Those of aioice.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.ignored_candidates = 0
        self._role_switches = 0
        self._work = asyncio.Event()

    def _add_remote_candidate(self, remote_candidate: Candidate, network_host: str) -> None:
        # A candidate whose address the peer showed us already (prflx) is only given its name.
        is_new = not any(
            (known._network_host, known.port) == (network_host, remote_candidate.port)
            for known in self._remote_candidates
        )
        if self._closing or (is_new and len(self._remote_candidates) >= MAX_REMOTE_CANDIDATES):
            self.ignored_candidates += 1
            return
        super()._add_remote_candidate(remote_candidate, network_host)
        self._work.set()

    def _pair_remote_candidate(self, remote_candidate: Candidate) -> None:
        # RFC 8445 section 6.1.2.5: the check list is limited.
        if len(self._check_list) + len(self._protocols) <= MAX_PAIRS:
            super()._pair_remote_candidate(remote_candidate)

    async def check_start(self, pair: CandidatePair) -> None:
        """Check a pair, unless the peer drives us through one role conflict after the other."""
        if self._role_switches > MAX_ROLE_SWITCHES:
            self.check_state(pair, CandidatePair.State.FAILED)
            self.check_complete(pair)
            return
        await super().check_start(pair)

    def switch_role(self, ice_controlling: bool) -> None:
        """Repair a role conflict (RFC 8445 section 7.3.1.1)."""
        self._role_switches += 1
        super().switch_role(ice_controlling)

    def _pair_of(self, protocol: StunProtocol, addr: Address) -> CandidatePair | None:
        for pair in self._check_list:
            if pair.protocol is protocol and pair.remote_addr == addr:
                return pair
        return None

    def _has_room_for(self, protocol: StunProtocol, addr: Address) -> bool:
        if self._pair_of(protocol, addr) is not None:
            return True
        is_known = any((c._network_host, c.port) == addr for c in self._remote_candidates)
        return len(self._check_list) < MAX_PAIRS and (
            is_known or len(self._remote_candidates) < MAX_REMOTE_CANDIDATES
        )
