"""Captures UDP packets on a network interface of the kernel, outside both ends (root only)."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tests.support.network.netns import Namespace

Address: TypeAlias = tuple[str, int]

# Values of linux/if_ether.h, linux/if_packet.h and asm-generic/socket.h, the last of which Python
# does not name.
_ETH_P_ALL = 0x0003
_PACKET_OUTGOING = 4
_SO_RCVBUFFORCE = 33
# IP protocol number (RFC 768).
_UDP = 17
# Bound on the packets of one capture, and on those that it keeps of each way between two sockets:
# the loopback has those of all tests that run beside this one, floods as well.
_MAX_PACKETS, _MAX_OF_A_WAY = 100_000, 1000
# Bytes of the capturing socket's buffer.
_RECEIVE_BUFFER = 16 << 20


@dataclass(frozen=True, slots=True)
class Packet:
    """One UDP datagram with its source and target address."""

    source: Address
    target: Address
    data: bytes

    @property
    def way(self) -> tuple[Address, Address]:
        """Both addresses, in order."""
        return self.source, self.target


class Capture:
    """Captured UDP packets in the kernel's order.

    Attributes:
        packets: The first thousand from each socket to each other one. At most 100,000; more are an
            error.
    """

    def __init__(self, tap: socket.socket, interface: str) -> None:
        self.packets: list[Packet] = []
        self._tap = tap
        self._counts: Counter[tuple[Address, Address]] = Counter()
        # The loopback shows each packet going out and coming in.
        self._ignored = _PACKET_OUTGOING if interface == "lo" else None

    def between(
        self, some: Collection[Address | str], others: Collection[Address | str] | None = None
    ) -> list[Packet]:
        """Select the packets between some addresses (with or without a port) and others, or all."""
        return [
            packet
            for packet in self.packets
            if any(
                _is_one(end, some) and (others is None or _is_one(other, others))
                for end, other in (
                    (packet.source, packet.target),
                    (packet.target, packet.source),
                )
            )
        ]

    def read(self) -> None:
        """Read the packets that the kernel has buffered."""
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, (_, protocol, kind, *_) = self._tap.recvfrom(65536)
                packet = None if kind == self._ignored else _udp(protocol, frame)
                if packet is None or self._counts[packet.way] == _MAX_OF_A_WAY:
                    continue
                self._counts[packet.way] += 1
                if len(self.packets) == _MAX_PACKETS:
                    raise OverflowError(f"more than {_MAX_PACKETS} packets")
                self.packets.append(packet)


@contextlib.contextmanager
def capture(interface: str, place: Namespace | None = None) -> Iterator[Capture]:
    """Capture on an interface, of a namespace or of this machine, until the context ends."""
    kind = (socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    with socket.socket(*kind) if place is None else place.socket(*kind) as tap:
        tap.setblocking(False)
        # Beyond what the system lets others have.
        tap.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        tap.bind((interface, _ETH_P_ALL))
        taken = Capture(tap, interface)
        loop = asyncio.get_running_loop()
        loop.add_reader(tap, taken.read)
        try:
            yield taken
        finally:
            loop.remove_reader(tap)


def _is_one(address: Address, of: Collection[Address | str]) -> bool:
    return address in of or address[0] in of


def _udp(protocol: int, frame: bytes) -> Packet | None:
    """Parse IPv4 (RFC 791 section 3.1) or IPv6 (RFC 8200 section 3, no extensions) with UDP."""
    match protocol:
        case 0x0800 if frame[9] == _UDP:
            source, target, start = frame[12:16], frame[16:20], 4 * (frame[0] & 0x0F)
        case 0x86DD if frame[6] == _UDP:
            source, target, start = frame[8:24], frame[24:40], 40
        case _:
            return None
    size = int.from_bytes(frame[start + 4 : start + 6])
    return Packet(
        (str(ipaddress.ip_address(source)), int.from_bytes(frame[start : start + 2])),
        (str(ipaddress.ip_address(target)), int.from_bytes(frame[start + 2 : start + 4])),
        frame[start + 8 : start + size],
    )
