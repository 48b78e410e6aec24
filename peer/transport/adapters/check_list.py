"""Looks up candidate pairs in the check list of an ICE agent (RFC 8445 section 6.1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioice.ice import CandidatePair

from peer.transport.adapters.tcp_candidates import TcpCandidate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aioice import Candidate
    from aioice.ice import StunProtocol

    from peer.transport.adapters.ice_socket import Address

#: Remote candidates kept, signalled and peer-reflexive together; more are ignored (ours).
MAX_REMOTE_CANDIDATES = 128
#: Candidate pairs in the check list (ours; RFC 8445 section 6.1.2.5 wants a limit, 100 by default).
MAX_PAIRS = 512


def pair_of(
    pairs: Sequence[CandidatePair], protocol: StunProtocol, address: Address
) -> CandidatePair | None:
    """Return the pair of a socket and a remote address; None where there is none."""
    for pair in pairs:
        if pair.protocol is protocol and pair.remote_addr == address:
            return pair
    return None


def has_room_for(
    pairs: Sequence[CandidatePair],
    remotes: Sequence[Candidate],
    protocol: StunProtocol,
    address: Address,
) -> bool:
    """Tell whether a check from a remote address may add a pair, by the limits above."""
    if pair_of(pairs, protocol, address) is not None:
        return True
    is_known = any((each._network_host, each.port) == address for each in remotes)
    return len(pairs) < MAX_PAIRS and (is_known or len(remotes) < MAX_REMOTE_CANDIDATES)


def next_pair(pairs: Sequence[CandidatePair]) -> CandidatePair | None:
    """Return the pair to check next: the first that waits, or else the first frozen one."""
    for state in (CandidatePair.State.WAITING, CandidatePair.State.FROZEN):
        for pair in pairs:
            if pair.state is state and pair.task is None:
                return pair
    return None


def failed_pairs(pairs: Sequence[CandidatePair]) -> list[CandidatePair]:
    """Return the pairs to check again, as all have failed; none where one works."""
    if any(pair.state is CandidatePair.State.SUCCEEDED for pair in pairs):
        return []
    return [p for p in pairs if p.state is CandidatePair.State.FAILED and p.task is None]


def udp_may_work(pairs: Sequence[CandidatePair]) -> bool:
    """Tell whether a pair over UDP has not failed yet."""
    return any(
        pair.state is not CandidatePair.State.FAILED
        for pair in pairs
        if not isinstance(pair.local_candidate, TcpCandidate)
    )
