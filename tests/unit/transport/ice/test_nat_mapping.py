"""RFC 5780 section 4.3: what a NAT's mappings look like from two addresses and two ports."""

from __future__ import annotations

import pytest

from peer.transport.ice.nat_mapping import NatMapping, Sight, nat_mapping

LOCAL = ("10.0.0.2", 5000)
A1, A2 = ("198.51.100.1", 3478), ("198.51.100.1", 3479)
B1, B2 = ("198.51.100.2", 3478), ("198.51.100.2", 3479)
X, Y, Z = (("203.0.113.1", port) for port in (40001, 40002, 40003))


@pytest.mark.parametrize(
    ("sights", "mapping"),
    [
        ([(A1, LOCAL)], NatMapping.NONE),
        ([(A1, LOCAL), (B1, LOCAL)], NatMapping.NONE),
        ([(A1, X)], NatMapping.UNKNOWN),
        ([(A1, X), (A1, X)], NatMapping.UNKNOWN),
        # Two ports of one address say nothing of another address.
        ([(A1, X), (A2, X)], NatMapping.UNKNOWN),
        ([(A1, X), (A2, Y)], NatMapping.ADDRESS_AND_PORT_DEPENDENT),
        ([(A1, X), (B1, X)], NatMapping.ENDPOINT_INDEPENDENT),
        ([(A1, X), (B1, X), (B2, X)], NatMapping.ENDPOINT_INDEPENDENT),
        ([(A1, X), (B1, Y)], NatMapping.DEPENDENT),
        ([(A1, X), (B1, Y), (B2, Y)], NatMapping.ADDRESS_DEPENDENT),
        ([(B2, Y), (A1, X), (B1, Y)], NatMapping.ADDRESS_DEPENDENT),
        ([(A1, X), (B1, Y), (B2, Z)], NatMapping.ADDRESS_AND_PORT_DEPENDENT),
        # A server inside our network sees us as we are, one outside does not.
        ([(A1, LOCAL), (B1, X)], NatMapping.DEPENDENT),
    ],
)
def test_mappings_tell_the_behaviour_of_a_nat(
    sights: list[tuple[tuple[str, int], tuple[str, int]]], mapping: NatMapping
) -> None:
    assert nat_mapping(LOCAL, [Sight(server, mapped) for server, mapped in sights]) is mapping
