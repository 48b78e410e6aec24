"""Tells how a NAT maps UDP ports, from what STUN servers see (RFC 5780 section 4.3). PURE."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from enum import Enum
from typing import TypeAlias

from peer.values import dataclass

Address: TypeAlias = tuple[str, int]


class NatMapping(Enum):
    """Mapping behaviour of a NAT, in the words of RFC 4787 section 4.1."""

    #: The address is seen as it is: no NAT on the way.
    NONE = "none"
    ENDPOINT_INDEPENDENT = "endpoint-independent"
    ADDRESS_DEPENDENT = "address-dependent"
    ADDRESS_AND_PORT_DEPENDENT = "address- and port-dependent"
    #: Another mapping for another server, which had another address and another port.
    DEPENDENT = "address-dependent, or address- and port-dependent"
    #: There is a NAT, and what was asked does not show more.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sight:
    """The address and port of one of our sockets as a server sees them.

    Args:
        server: Address and port of the server.
        mapped: Address and port of the socket, as seen from there.
    """

    server: Address
    mapped: Address


def nat_mapping(local: Address, sights: Sequence[Sight]) -> NatMapping:
    """Tell the mapping behaviour on the way of one socket.

    Args:
        local: Address and port of the socket.
        sights: What was seen of it, from at least one server.
    """
    if all(sight.mapped == local for sight in sights):
        return NatMapping.NONE
    pairs = list(itertools.combinations(sights, 2))
    one_address = [(a, b) for a, b in pairs if a.server[0] == b.server[0] and a.server != b.server]
    two_addresses = [(a, b) for a, b in pairs if a.server[0] != b.server[0]]
    if any(a.mapped != b.mapped for a, b in one_address):
        return NatMapping.ADDRESS_AND_PORT_DEPENDENT
    if any(a.mapped != b.mapped for a, b in two_addresses):
        return NatMapping.ADDRESS_DEPENDENT if one_address else NatMapping.DEPENDENT
    return NatMapping.ENDPOINT_INDEPENDENT if two_addresses else NatMapping.UNKNOWN
