"""Classifies datagrams by their first bytes (RFC 7983 section 7, RFC 5761 section 4). PURE."""

from __future__ import annotations

from enum import Enum, auto


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
