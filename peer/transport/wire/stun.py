"""Parses STUN messages, and summarises their attributes for the trace. PURE."""

from __future__ import annotations

import struct

from aioice import stun

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


def stun_detail(message: stun.Message) -> str:
    """Summarise a message beyond its class, for example `ICE-CONTROLLING, USE-CANDIDATE`."""
    attributes = message.attributes
    found = [] if message.message_method is stun.Method.BINDING else [message.message_method.name]
    found += [name for name in _FLAGS if name in attributes]
    if "ERROR-CODE" in attributes:
        code, reason = attributes["ERROR-CODE"]
        found.append(f"{code} {reason}")
    if "XOR-MAPPED-ADDRESS" in attributes:
        host, port = attributes["XOR-MAPPED-ADDRESS"]
        found.append(f"XOR-MAPPED-ADDRESS {host} port {port}")
    return ", ".join(found)
