"""Parses pcapng files by the draft, independently of our own writer."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Captured:
    """One UDP datagram of a capture; `time` is in seconds since 1970."""

    time: float
    inbound: bool
    source: str
    target: str
    payload: bytes


@dataclass(frozen=True)
class Block:
    type: int
    body: bytes


def blocks(data: bytes) -> Iterator[Block]:
    """Walk over the blocks of a file, and assert that each is well formed."""
    start = 0
    while start < len(data):
        kind, length = struct.unpack_from("<II", data, start)
        assert length % 4 == 0
        assert length >= 12
        assert struct.unpack_from("<I", data, start + length - 4) == (length,)
        yield Block(kind, data[start + 8 : start + length - 4])
        start += length


def options(data: bytes) -> dict[int, bytes]:
    found = {}
    start = 0
    while start < len(data):
        code, length = struct.unpack_from("<HH", data, start)
        if code == 0:
            break
        found[code] = data[start + 4 : start + 4 + length]
        start += 4 + length + -length % 4
    return found


def key_log(data: bytes) -> bytes:
    """Join the TLS secrets of a capture, in NSS key log format."""
    found = b""
    for block in blocks(data):
        if block.type == 10:
            kind, length = struct.unpack_from("<II", block.body)
            assert kind == int.from_bytes(b"TLSK")
            found += block.body[8 : 8 + length]
    return found


def datagrams(data: bytes) -> list[Captured]:
    """Parse all packets of a capture, and assert their checksums."""
    first, interface, *rest = blocks(data)
    assert (first.type, first.body[:4]) == (0x0A0D0D0A, bytes.fromhex("4d3c2b1a"))
    assert (interface.type, struct.unpack_from("<H", interface.body)) == (1, (101,))
    assert options(interface.body[8:])[9] == b"\x09"
    return [_captured(block.body) for block in rest if block.type == 6]


def _captured(body: bytes) -> Captured:
    _, high, low, length, original = struct.unpack_from("<IIIII", body)
    assert length == original
    packet = body[20 : 20 + length]
    flags = options(body[20 + length + -length % 4 :])[2]
    time = ((high << 32) + low) / 1e9
    source, target, udp = _addresses(packet)
    ports = struct.unpack_from("!HHH", udp)
    assert ports[2] == len(udp)
    return Captured(time, flags[0] == 1, f"{source}:{ports[0]}", f"{target}:{ports[1]}", udp[8:])


def _addresses(packet: bytes) -> tuple[str, str, bytes]:
    if packet[0] == 0x45:
        assert struct.unpack_from("!H", packet, 2) == (len(packet),)
        assert packet[9] == 17
        assert ones_sum(packet[:20]) == 0xFFFF
        source, target, udp = packet[12:16], packet[16:20], packet[20:]
    else:
        assert packet[0] >> 4 == 6
        assert struct.unpack_from("!HB", packet, 4) == (len(packet) - 40, 17)
        source, target, udp = packet[8:24], packet[24:40], packet[40:]
    assert udp[6:8] != b"\0\0"
    assert ones_sum(source + target + bytes([0, 17]) + len(udp).to_bytes(2) + udp) == 0xFFFF
    return str(ipaddress.ip_address(source)), str(ipaddress.ip_address(target)), udp


def ones_sum(data: bytes) -> int:
    """Sum in one's complement (RFC 1071): all ones over data with a correct checksum."""
    data += bytes(len(data) % 2)
    total = 0
    for index in range(0, len(data), 2):
        total += int.from_bytes(data[index : index + 2])
        total = (total & 0xFFFF) + (total >> 16)
    return total
