"""Translates ICE candidates between aiortc's, with fields, and ours, with a line of SDP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioice import Candidate
from aiortc.rtcicetransport import RTCIceCandidate
from aiortc.sdp import candidate_to_sdp

from peer.ice import IceCandidate

if TYPE_CHECKING:
    from peer.ice import CandidateFields


def to_ours(candidate: RTCIceCandidate) -> IceCandidate:
    """Return our candidate for one of aiortc."""
    return IceCandidate(
        candidate=f"candidate:{candidate_to_sdp(candidate)}",
        sdpMid=candidate.sdpMid,
        sdpMLineIndex=candidate.sdpMLineIndex,
    )


def to_aioice(fields: CandidateFields) -> Candidate:
    """Return aioice's candidate for the fields of one of ours."""
    return Candidate.from_sdp(str(fields).removeprefix("candidate:"))


def to_aiortc(fields: CandidateFields) -> RTCIceCandidate:
    """Return aiortc's candidate for the fields of one of ours."""
    return RTCIceCandidate(
        component=fields.component,
        foundation=fields.foundation,
        ip=fields.address,
        port=fields.port,
        priority=fields.priority,
        protocol=fields.transport,
        type=fields.type,
        relatedAddress=fields.related_address,
        relatedPort=fields.related_port,
        tcpType=fields.tcp_type,
    )
