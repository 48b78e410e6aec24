"""Converts between `CandidateFields` and the candidates of aioice, and judges them. PURE."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from aioice import Candidate

from peer.configuration.candidate_filter import without_embedding
from peer.ice import CandidateFields, default_candidate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peer.transport.adapters.ice_socket import IceSocket


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


def is_usable(candidate: CandidateFields, *, tcp: bool) -> bool:
    """Tell whether a candidate of the peer is one that we can check; of TCP where `tcp` is set."""
    # We multiplex RTCP, so that there is one component (RFC 8834 section 4.5).
    if candidate.component != 1 or candidate.port == 0:
        return False
    if candidate.transport != "udp" and not (
        tcp and candidate.transport == "tcp" and candidate.tcp_type in ("active", "passive")
    ):
        return False
    try:
        address = without_embedding(ipaddress.ip_address(candidate.address))
    except ValueError:
        # A name: the agent resolves those that mDNS knows, and ignores others.
        return candidate.address.endswith(".local")
    return not (address.is_multicast or address.is_unspecified)


def candidate_of(
    socket: IceSocket, gathered: Mapping[CandidateFields, Candidate]
) -> CandidateFields | None:
    """Choose the candidate most likely to work without ICE of those with this socket.

    Args:
        socket: A socket of ours.
        gathered: Candidates as they are announced, with those of aioice.
    """
    base = socket.local_candidate.host, socket.local_candidate.port
    return default_candidate(
        fields
        for fields, candidate in gathered.items()
        if base
        in (
            (candidate.host, candidate.port),
            (candidate.related_address, candidate.related_port),
        )
    )
