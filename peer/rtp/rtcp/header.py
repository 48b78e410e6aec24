"""The common header of all RTCP packets (RFC 3550 section 6.4.1), and packets of unknown types."""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

from peer.values import dataclass

HEADER = Struct("!BBH")
#: Version 2 in the first octet of the header (RFC 3550 section 6.4.1).
VERSION = 0x80
#: Mask of the version in the first octet (RFC 3550 section 6.4.1).
VERSION_MASK = 0xC0
#: P bit in the first octet (RFC 3550 section 6.4.1).
PADDING = 0x20
#: Mask of the count or FMT in the first octet (RFC 3550 section 6.4.1, RFC 4585 section 6.1).
COUNT = 0x1F
#: SSRC of packet sender and SSRC of media source, with which every feedback packet begins (RFC
#: 4585 section 6.1).
FEEDBACK_SSRCS = Struct("!II")


class PacketType(IntEnum):
    """RTCP packet types (RFC 3550 section 12.1, RFC 4585 section 6.1)."""

    SENDER_REPORT = 200
    RECEIVER_REPORT = 201
    SOURCE_DESCRIPTION = 202
    GOODBYE = 203
    TRANSPORT_FEEDBACK = 205
    PAYLOAD_FEEDBACK = 206


class TransportFeedbackType(IntEnum):
    """FMT of transport layer feedback (RFC 4585 section 6.2, draft-holmer section 3.1)."""

    NACK = 1
    TRANSPORT_CC = 15


class PayloadFeedbackType(IntEnum):
    """FMT of payload-specific feedback (RFC 4585 section 6.3, RFC 5104 section 4.3)."""

    PLI = 1
    FIR = 4
    APPLICATION = 15


def pack_packet(body: bytes, *, packet_type: int, count: int) -> bytes:
    """Write an RTCP packet; a body whose length is no multiple of 4 octets is padded.

    Args:
        body: Octets after the header.
        packet_type: 0 to 255.
        count: Count or FMT, five bits.

    Raises:
        ValueError: The count is more than 31, or the body longer than 2**18 - 4 octets.
    """
    padding = -len(body) % 4
    words = (len(body) + padding) // 4
    if not 0 <= count <= COUNT or words > 0xFFFF:
        raise ValueError("that does not fit in one RTCP packet")
    if not padding:
        return HEADER.pack(VERSION | count, packet_type, words) + body
    header = HEADER.pack(VERSION | PADDING | count, packet_type, words)
    return header + body + bytes(padding - 1) + bytes((padding,))


@dataclass(frozen=True, slots=True)
class UnknownPacket:
    """A well-formed RTCP packet of an unknown type or FMT.

    Args:
        packet_type: 0 to 255.
        count: Count or FMT, five bits.
        data: Octets after the header, without padding.
    """

    packet_type: int
    count: int
    data: bytes

    def write(self) -> bytes:
        """Write the packet as on the wire."""
        return pack_packet(self.data, packet_type=self.packet_type, count=self.count)
