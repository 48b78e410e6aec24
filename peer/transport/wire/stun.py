"""Owns the reading of STUN messages, whose attributes the trace shows."""

from __future__ import annotations

import struct

from aioice import stun

# RFC 8489 section 5; aioice does not look at it.
_COOKIE = b"\x21\x12\xa4\x42"
# Those that say what a check is for.
_FLAGS = ("ICE-CONTROLLING", "ICE-CONTROLLED", "USE-CANDIDATE")


def parse_stun(datagram: bytes) -> stun.Message | None:
    """The message, or None where it cannot be read."""
    if datagram[4:8] != _COOKIE:
        return None
    try:
        return stun.parse_message(datagram)
    # aioice 0.13 lets struct.error out of an attribute that is too short.
    except (ValueError, struct.error):
        return None


def stun_detail(message: stun.Message) -> str:
    """What tells it from other messages of its class, such as `ICE-CONTROLLING, USE-CANDIDATE`."""
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
