"""Announced addresses: which local ones they take the place of, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from peer import ConfigurationError, PeerConfiguration
from peer.configuration.announced_addresses import AddressTranslation
from peer.ice import CandidateFields

HOST = "candidate:1 1 udp 2130706431 10.0.0.2 5000 typ host"
HOST_6 = "candidate:1 1 udp 2130706431 fd00::2 5000 typ host"
REFLEXIVE = "candidate:2 1 udp 1694498815 198.51.100.7 6000 typ srflx raddr 10.0.0.2 rport 5000"
RELAY = "candidate:3 1 udp 16777215 198.51.100.9 7000 typ relay raddr 198.51.100.7 rport 6000"


@pytest.mark.parametrize(
    ("addresses", "line", "expected"),
    [
        ((), HOST, "10.0.0.2 5000"),
        (["203.0.113.7"], HOST, "203.0.113.7 5000"),
        (["203.0.113.7"], HOST_6, "fd00::2 5000"),
        (["203.0.113.7", "2001:DB8::7"], HOST_6, "2001:db8::7 5000"),
        ({"10.0.0.2": "203.0.113.7"}, HOST, "203.0.113.7 5000"),
        ({"10.0.0.3": "203.0.113.7"}, HOST, "10.0.0.2 5000"),
        ({"FD00:0::2": "2001:db8::7"}, HOST_6, "2001:db8::7 5000"),
        (["203.0.113.7"], REFLEXIVE, "198.51.100.7 6000 typ srflx raddr 203.0.113.7 rport 5000"),
        (["203.0.113.7"], RELAY, "198.51.100.9 7000 typ relay raddr 198.51.100.7 rport 6000"),
    ],
)
def test_local_candidate_is_announced_with_configured_address(
    addresses: Any, line: str, expected: str
) -> None:
    configured = PeerConfiguration(announced_addresses=addresses).announced_addresses
    candidate = AddressTranslation.of(configured).applied(CandidateFields.parse(line))
    assert f" {expected}" in str(candidate)


@pytest.mark.parametrize(
    ("addresses", "words"),
    [
        ("203.0.113.7", "is a sequence or a mapping, not '203.0.113.7'"),
        (["example.org"], "has IP addresses, such as '203.0.113.7', not 'example.org'"),
        (["203.0.113.7:5000"], "has IP addresses"),
        ([None], "not None"),
        ([3405803783], "not 3405803783"),
        (["0.0.0.0"], "no address to be reached at"),
        (["224.0.0.1"], "no address to be reached at"),
        (["fe80::1%eth0"], "no address to be reached at"),
        (["203.0.113.7", "203.0.113.8"], "several addresses of one IP version"),
        ({"10.0.0.2": "2001:db8::7"}, "of another IP version"),
        ({"eth0": "203.0.113.7"}, "not 'eth0'"),
    ],
)
def test_announced_address_that_cannot_be_used_is_refused(addresses: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        PeerConfiguration(announced_addresses=addresses)
