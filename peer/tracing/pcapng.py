"""Builds pcapng blocks (draft-ietf-opsawg-pcapng) with IP packets, for Wireshark. PURE.

A file is `header()`, then `packet(...)` and `secrets(...)` in any order.
"""

from __future__ import annotations

import ipaddress
import struct
from enum import IntEnum

from peer.values import dataclass

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Block types (draft-ietf-opsawg-pcapng sections 4.1, 4.2, 4.3, 4.7).
_SECTION_HEADER = 0x0A0D0D0A
_INTERFACE_DESCRIPTION = 1
_ENHANCED_PACKET = 6
_DECRYPTION_SECRETS = 10

#: Byte-Order Magic of a section (draft-ietf-opsawg-pcapng section 4.1).
_BYTE_ORDER_MAGIC = 0x1A2B3C4D
#: Section length that stands for "not known" (draft-ietf-opsawg-pcapng section 4.1).
_UNKNOWN_LENGTH = -1
#: Link type of packets that begin with the IP header, of either version (LINKTYPE_RAW).
_LINKTYPE_RAW = 101
#: Type of decryption secrets that are an NSS key log (draft-ietf-opsawg-pcapng section 4.7).
_TLS_KEY_LOG = 0x544C534B

# Option codes of blocks (draft-ietf-opsawg-pcapng sections 3.5, 4.1, 4.2, 4.3).
_END_OF_OPTIONS = 0
_USER_APPLICATION = 4
_TIME_RESOLUTION = 9
_PACKET_FLAGS = 2
#: Value of the time resolution option: timestamps count units of 10^-9 s (section 4.2).
_NANOSECONDS = 9

#: Protocol number of UDP in the IP header (IANA).
_UDP = 17
#: TTL and hop limit of the IP headers written (ours).
_HOP_LIMIT = 64
#: Largest UDP payload in an IPv4 packet, in bytes (RFC 768, RFC 791).
_LARGEST_UDP = 65535 - 20 - 8


class Flow(IntEnum):
    """The direction of a packet in the flags of its block (draft-ietf-opsawg-pcapng 4.3.1)."""

    INBOUND = 1
    OUTBOUND = 2


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A UDP port at an IP address."""

    address: IpAddress
    port: int

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Parse `192.0.2.1:5000` or `[2001:db8::1]:5000`.

        Raises:
            ValueError: The text is no address with a port.
        """
        host, _, port = text.rpartition(":")
        number = int(port)
        if not 0 <= number <= 65535:
            raise ValueError(f"{text!r} has no port")
        # A zone (RFC 4007 section 11) means nothing in a packet.
        return cls(ipaddress.ip_address(host.strip("[]").partition("%")[0]), number)


def header(application: str) -> bytes:
    """Build the beginning of a file: one section with one interface, with times in nanoseconds.

    Args:
        application: The name of the program that writes the file.
    """
    section = struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, _UNKNOWN_LENGTH)
    interface = struct.pack("<HHI", _LINKTYPE_RAW, 0, 0)
    return _block(
        _SECTION_HEADER, section + _options((_USER_APPLICATION, application.encode()))
    ) + _block(
        _INTERFACE_DESCRIPTION, interface + _options((_TIME_RESOLUTION, bytes([_NANOSECONDS])))
    )


def packet(time_ns: int, data: bytes, flow: Flow) -> bytes:
    """Build an enhanced packet block.

    Args:
        time_ns: Nanoseconds since 1970.
        data: An IP packet.
        flow: The direction of the packet.
    """
    fields = struct.pack("<IIIII", 0, time_ns >> 32, time_ns & 0xFFFFFFFF, len(data), len(data))
    flags = struct.pack("<I", flow)
    return _block(_ENHANCED_PACKET, fields + _padded(data) + _options((_PACKET_FLAGS, flags)))


def secrets(key_log: bytes) -> bytes:
    """Build a block of lines in NSS key log format, which decrypts the packets after it."""
    return _block(
        _DECRYPTION_SECRETS, struct.pack("<II", _TLS_KEY_LOG, len(key_log)) + _padded(key_log)
    )


def udp_packet(source: Endpoint, target: Endpoint, payload: bytes) -> bytes:
    """Build an IP packet with a UDP datagram, and the checksums of both.

    Raises:
        ValueError: The addresses are not of one family, or the payload is too large.
    """
    if len(payload) > _LARGEST_UDP:
        raise ValueError(f"{len(payload)} bytes do not fit into a UDP datagram")
    length = 8 + len(payload)
    here, there = source.address, target.address
    if isinstance(here, ipaddress.IPv4Address) and isinstance(there, ipaddress.IPv4Address):
        ip = _ipv4_header(here, there, length)
        pseudo = here.packed + there.packed + struct.pack("!HH", _UDP, length)
    elif isinstance(here, ipaddress.IPv6Address) and isinstance(there, ipaddress.IPv6Address):
        ip = struct.pack("!IHBB", 6 << 28, length, _UDP, _HOP_LIMIT) + here.packed + there.packed
        pseudo = here.packed + there.packed + struct.pack("!II", length, _UDP)
    else:
        raise ValueError(f"{here} and {there} are not of one family")
    ports = struct.pack("!HHH", source.port, target.port, length)
    # RFC 768: a checksum of zero would mean that there is none.
    checksum = _checksum(pseudo + ports + bytes(2) + payload) or 0xFFFF
    return ip + ports + struct.pack("!H", checksum) + payload


def _ipv4_header(
    source: ipaddress.IPv4Address, target: ipaddress.IPv4Address, length: int
) -> bytes:
    start = struct.pack("!BBHHHBB", 0x45, 0, 20 + length, 0, 0, _HOP_LIMIT, _UDP)
    addresses = source.packed + target.packed
    checksum = _checksum(start + bytes(2) + addresses)
    return start + struct.pack("!H", checksum) + addresses


def _checksum(data: bytes) -> int:
    """Compute the Internet checksum (RFC 1071)."""
    even = data + bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(even) // 2}H", even))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _block(block_type: int, body: bytes) -> bytes:
    # Section 3.1: the length stands at both ends, so that a file can be read backwards.
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", block_type) + length + body + length


def _options(*options: tuple[int, bytes]) -> bytes:
    written = (
        struct.pack("<HH", code, len(value)) + _padded(value)
        for code, value in (*options, (_END_OF_OPTIONS, b""))
    )
    return b"".join(written)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
