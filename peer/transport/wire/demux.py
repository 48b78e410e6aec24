"""Demultiplexes the datagrams of one path: protocol, and DTLS association. PURE.

The protocol is told by the first bytes (RFC 7983 section 7, RFC 5761 section 4); the association is
asked for only where a path has several of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Protocol, TypeVar

from peer.transport.wire.dtls_records import HANDSHAKE_EPOCH, first_epoch


class DatagramClass(Enum):
    """Protocols that share the path (RFC 7983 section 7), with RTP and RTCP apart."""

    STUN = auto()
    ZRTP = auto()
    DTLS = auto()
    TURN = auto()
    RTP = auto()
    RTCP = auto()
    UNKNOWN = auto()


def classify(datagram: bytes) -> DatagramClass:
    """Classify a datagram by its first byte, and RTCP from RTP by its second."""
    if not datagram:
        return DatagramClass.UNKNOWN
    first = datagram[0]
    if 128 <= first <= 191:
        # RFC 5761 section 4: no RTP payload type with the marker bit looks like 192 to 223.
        is_rtcp = len(datagram) > 1 and 192 <= datagram[1] <= 223
        return DatagramClass.RTCP if is_rtcp else DatagramClass.RTP
    if 20 <= first <= 63:
        return DatagramClass.DTLS
    if first <= 3:
        return DatagramClass.STUN
    if 16 <= first <= 19:
        return DatagramClass.ZRTP
    if 64 <= first <= 79:
        return DatagramClass.TURN
    return DatagramClass.UNKNOWN


class DemuxCandidate(Protocol):
    """DTLS association as far as demultiplexing looks at it: its handshake."""

    @property
    def handshaking(self) -> bool:
        """True while the handshake has yet to yield keys."""

    def expects(self, datagram: bytes) -> bool:
        """Tell whether a DTLS datagram in clear fits into the handshake at this point."""


_CandidateT = TypeVar("_CandidateT", bound=DemuxCandidate)


def associations_for(
    datagram: bytes, kind: DatagramClass, candidates: Sequence[_CandidateT]
) -> Sequence[_CandidateT]:
    """Select the associations to offer a datagram to, in order; the first that takes it wins.

    Args:
        datagram: As it was received.
        kind: Result of `classify`.
        candidates: All associations, newest first: the next one, the current one, retiring ones.
    """
    if len(candidates) < 2:
        return candidates
    handshaking = [each for each in candidates if each.handshaking]
    match kind:
        case DatagramClass.DTLS if handshaking and first_epoch(datagram) == 0:
            # No established association may see a datagram that fits into a handshake, or a
            # ClientHello would look like a renegotiation to it. One that fits into none may be late
            # of a former handshake. The older of two handshakes is asked first, as the peer began
            # it first.
            fitting = [each for each in reversed(handshaking) if each.expects(datagram)]
            return fitting or [*_newest_established(candidates), *handshaking]
        case DatagramClass.DTLS if first_epoch(datagram) == 0:
            # The end of a handshake again: an older association would answer with its own.
            return _newest_established(candidates)
        case DatagramClass.DTLS if handshaking and first_epoch(datagram) == HANDSHAKE_EPOCH:
            # Of a handshake of DTLS 1.3, or after many updates of keys (see `Record.epoch`).
            return [*handshaking, *(each for each in candidates if not each.handshaking)]
        case DatagramClass.DTLS | DatagramClass.RTP | DatagramClass.RTCP:
            # One that has no keys yet can only buffer a datagram, so it is asked last.
            return _established_first(candidates) if handshaking else candidates
        case _:
            return ()


def _newest_established(candidates: Sequence[_CandidateT]) -> Sequence[_CandidateT]:
    return [each for each in candidates if not each.handshaking][:1]


def _established_first(candidates: Sequence[_CandidateT]) -> list[_CandidateT]:
    return sorted(candidates, key=lambda each: each.handshaking)
