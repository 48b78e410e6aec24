"""Candidates and candidate pairs of one ICE generation at one moment, for statistics."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from aioice.ice import CandidatePair

from peer.ice import CandidateFields
from peer.transport.adapters.pair_counters import PairCounts
from peer.transport.ice.candidates import from_aioice
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aioice import Candidate, stun
    from aioice.ice import StunProtocol

    from peer.times import MonotonicTime
    from peer.transport.adapters.ice_agent import IceAgent
    from peer.transport.adapters.ice_socket import Address


class PairState(StrEnum):
    """State of a candidate pair (RFC 8445 section 6.1.2.6, W3C RTCStatsIceCandidatePairState)."""

    FROZEN = "frozen"
    WAITING = "waiting"
    IN_PROGRESS = "in-progress"
    FAILED = "failed"
    SUCCEEDED = "succeeded"


_STATES = {
    CandidatePair.State.FROZEN: PairState.FROZEN,
    CandidatePair.State.WAITING: PairState.WAITING,
    CandidatePair.State.IN_PROGRESS: PairState.IN_PROGRESS,
    CandidatePair.State.FAILED: PairState.FAILED,
    CandidatePair.State.SUCCEEDED: PairState.SUCCEEDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSnapshot:
    """Candidate pair at one moment, with its counts.

    Args:
        local: Our candidate; of a pair with a server-reflexive one, its base.
        remote: The peer's candidate.
        state: How far its check is.
        nominated: Whether it is nominated.
        is_selected: Whether it carries data.
        counts: Counts of checks and datagrams, as a copy.
        last_received: Last wake-up of a socket with a datagram; None for a pair not selected.
    """

    local: CandidateFields
    remote: CandidateFields
    state: PairState
    nominated: bool
    is_selected: bool
    counts: PairCounts
    last_received: MonotonicTime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IceSnapshot:
    """Candidates and pairs of one generation.

    Args:
        local_fragment: Our username fragment.
        remote_fragment: The peer's; None before its description.
        local: Our candidates, as they are announced.
        remote: Candidates of the peer, signalled or peer-reflexive.
        pairs: Candidate pairs, the best first.
    """

    local_fragment: str
    remote_fragment: str | None
    local: tuple[CandidateFields, ...]
    remote: tuple[CandidateFields, ...]
    pairs: tuple[PairSnapshot, ...]


def take_snapshot(
    agent: IceAgent,
    gathered: Mapping[CandidateFields, Candidate],
    latched: tuple[CandidateFields, CandidateFields] | None,
) -> IceSnapshot:
    """Describe the candidates and pairs of an agent.

    Args:
        agent: The ICE agent.
        gathered: Candidates as they are announced, with those of aioice.
        latched: The addresses in use with a peer without ICE; None where it has ICE.
    """
    announced = {id(candidate): fields for fields, candidate in gathered.items()}
    early = (_of_check(*each) for each in agent.early_checks)
    if latched is not None:
        local, remote = latched
        pairs: tuple[PairSnapshot, ...] = (
            PairSnapshot(
                local=local,
                remote=remote,
                state=PairState.SUCCEEDED,
                nominated=True,
                is_selected=True,
                counts=PairCounts(agent.pair_counters.traffic()),
                last_received=agent.read_at,
            ),
        )
    else:
        agent.pair_counters.select(agent.best_pair())
        pairs = tuple(_pair(agent, each, announced) for each in agent.pairs)
    known = tuple(from_aioice(each) for each in agent.remote_candidates)
    return IceSnapshot(
        local_fragment=agent.local_username,
        remote_fragment=agent.remote_username,
        local=_all(tuple(gathered), (each.local for each in pairs)),
        remote=_all((*known, *early), (each.remote for each in pairs)),
        pairs=pairs,
    )


def _pair(
    agent: IceAgent, pair: CandidatePair, announced: Mapping[int, CandidateFields]
) -> PairSnapshot:
    is_selected = pair is agent.best_pair()
    local = pair.local_candidate
    counts = agent.pair_counters.of(pair)
    return PairSnapshot(
        local=announced.get(id(local)) or from_aioice(local),
        remote=from_aioice(pair.remote_candidate),
        state=_STATES[pair.state],
        nominated=pair.nominated,
        is_selected=is_selected,
        counts=replace(counts, traffic=replace(counts.traffic)),
        last_received=agent.read_at if is_selected else None,
    )


def _of_check(check: stun.Message, source: Address, socket: StunProtocol) -> CandidateFields:
    """Describe the source of a check that came before the peer's description."""
    return CandidateFields(
        foundation="",
        component=1,
        transport=socket.local_candidate.transport,
        priority=check.attributes.get("PRIORITY", 0),
        address=source[0],
        port=source[1],
        type="prflx",
    )


def _all(
    known: tuple[CandidateFields, ...], of_pairs: Iterable[CandidateFields]
) -> tuple[CandidateFields, ...]:
    """Return candidates in their order, each address once, and those that only pairs have."""
    return tuple({place_of(each): each for each in (*of_pairs, *known)}.values())


def place_of(candidate: CandidateFields) -> tuple[str, str, int, str | None]:
    """Return what tells a candidate from others of one end: transport, address, port, TCP type."""
    return candidate.transport, candidate.address, candidate.port, candidate.tcp_type
