"""Converts between `CandidateFields` and the candidates of aioice. PURE."""

from __future__ import annotations

from aioice import Candidate

from peer.ice import CandidateFields


def from_aioice(candidate: Candidate) -> CandidateFields:
    """Convert a candidate of aioice to ours."""
    return CandidateFields(
        foundation=candidate.foundation,
        component=candidate.component,
        transport=candidate.transport,
        priority=candidate.priority,
        address=candidate.host,
        port=candidate.port,
        type=candidate.type,
        related_address=candidate.related_address,
        related_port=candidate.related_port,
        tcp_type=candidate.tcptype,
    )


def to_aioice(fields: CandidateFields) -> Candidate:
    """Convert a candidate of ours to one of aioice, without its extension attributes."""
    return Candidate(
        foundation=fields.foundation,
        component=fields.component,
        transport=fields.transport,
        priority=fields.priority,
        host=fields.address,
        port=fields.port,
        type=fields.type,
        related_address=fields.related_address,
        related_port=fields.related_port,
        tcptype=fields.tcp_type,
    )
