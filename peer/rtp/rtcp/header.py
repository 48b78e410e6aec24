"""Owns the header that every RTCP packet begins with (RFC 3550 section 6.4.1)."""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

HEADER = Struct("!BBH")
VERSION = 0x80
VERSION_MASK = 0xC0
PADDING = 0x20
COUNT = 0x1F
#: The two SSRCs that every feedback packet begins with: its sender and the media it is about.
ABOUT = Struct("!II")


class PacketType(IntEnum):
    """RFC 3550 section 12.1 and RFC 4585 section 6.1."""

    SENDER_REPORT = 200
    RECEIVER_REPORT = 201
    SOURCE_DESCRIPTION = 202
    GOODBYE = 203
    TRANSPORT_FEEDBACK = 205
    PAYLOAD_FEEDBACK = 206


class TransportFormat(IntEnum):
    """The FMT of transport layer feedback (RFC 4585 section 6.2, draft-holmer 3.1)."""

    NACK = 1
    TRANSPORT_CC = 15


class PayloadFormat(IntEnum):
    """The FMT of payload-specific feedback (RFC 4585 section 6.3, RFC 5104 section 4.3)."""

    PLI = 1
    FIR = 4
    APPLICATION = 15


def packed(packet_type: int, count: int, body: bytes) -> bytes:
    """A packet for the wire; a body that is no multiple of 4 octets is padded.

    Args:
        packet_type: 0 to 255.
        count: The five bits of a count or a feedback format.
        body: What follows the header.

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
