"""Parses STUN messages, and summarises their attributes for the trace. PURE."""

from __future__ import annotations

import struct
from typing import Final

from aioice import stun

from peer.transport.wire.stun_embedding import DATAGRAM_ATTRIBUTE

# Magic cookie (RFC 8489 section 5), which aioice does not check.
_COOKIE = b"\x21\x12\xa4\x42"
# Attributes that tell one connectivity check from another (RFC 8445 section 7.1).
_FLAGS = ("ICE-CONTROLLING", "ICE-CONTROLLED", "USE-CANDIDATE")


def parse_stun(datagram: bytes) -> stun.Message | None:
    """Parse a STUN message, or return None where it is malformed."""
    if datagram[4:8] != _COOKIE:
        return None
    try:
        return stun.parse_message(datagram)
    # aioice 0.13 lets struct.error out of an attribute that is too short.
    except (ValueError, struct.error):
        return None


#: Attributes walked to find USERNAME (ours): a check has eight, and browsers begin with it.
_MAX_ATTRIBUTES: Final = 16
_HEADER_LENGTH: Final = 20
_USERNAME: Final = 0x0006
_CLASS_BITS: Final = 0x0110
_ATTRIBUTE_HEADER = struct.Struct("!HH")


def stun_class(datagram: bytes) -> stun.Class | None:
    """Return the class of a STUN message by its header alone; None where it is none."""
    if len(datagram) < _HEADER_LENGTH or datagram[4:8] != _COOKIE:
        return None
    # RFC 8489 section 5: the class is in bits 4 and 8 of the type.
    return stun.Class(int.from_bytes(datagram[:2]) & _CLASS_BITS)


def checked_fragment(datagram: bytes) -> bytes | None:
    """Return the username fragment of the end that a connectivity check is sent to, or None."""
    username = checked_username(datagram)
    return None if username is None else username.partition(b":")[0]


def checked_username(datagram: bytes) -> bytes | None:
    """Return the USERNAME of a connectivity check, or None where it has none with a colon.

    It is found without a parser, so that what belongs to nobody costs little, among the first
    attributes: the username fragment of the end that is checked, a colon, and that of the end that
    checks (RFC 8445 section 7.2.2).
    """
    place, size = _HEADER_LENGTH, len(datagram)
    for _ in range(_MAX_ATTRIBUTES):
        if place + _ATTRIBUTE_HEADER.size > size:
            return None
        kind, length = _ATTRIBUTE_HEADER.unpack_from(datagram, place)
        place += _ATTRIBUTE_HEADER.size
        if kind == _USERNAME:
            username = datagram[place : place + length]
            return username if b":" in username else None
        # RFC 8489 section 14: a value is padded to four bytes.
        place += (length + 3) & ~3
    return None


def stun_detail(message: stun.Message) -> str:
    """Summarise a message beyond its class, for example `ICE-CONTROLLING, USE-CANDIDATE`."""
    attributes = message.attributes
    found = [] if message.message_method is stun.Method.BINDING else [message.message_method.name]
    found += [name for name in _FLAGS if name in attributes]
    if DATAGRAM_ATTRIBUTE in attributes:
        found.append(f"DTLS of {len(attributes[DATAGRAM_ATTRIBUTE])} octets (SPED)")
    if "ERROR-CODE" in attributes:
        code, reason = attributes["ERROR-CODE"]
        found.append(f"{code} {reason}")
    if "XOR-MAPPED-ADDRESS" in attributes:
        host, port = attributes["XOR-MAPPED-ADDRESS"]
        found.append(f"XOR-MAPPED-ADDRESS {host} port {port}")
    return ", ".join(found)
