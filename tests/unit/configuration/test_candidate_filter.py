"""Candidates of the peer that are checked: by a browser, and by a server."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from peer import AddressKind, CandidateFilter, ConfigurationError
from peer.configuration.candidate_filter import kind_of

PUBLIC, PRIVATE, LINK_LOCAL, LOOPBACK, METADATA, RESERVED = AddressKind
SERVER = CandidateFilter.for_servers()


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("8.8.8.8", PUBLIC),
        ("2606:4700::1111", PUBLIC),
        ("10.1.2.3", PRIVATE),
        ("172.31.255.255", PRIVATE),
        ("172.32.0.1", PUBLIC),
        ("192.168.0.1", PRIVATE),
        ("100.64.0.1", PRIVATE),
        ("100.127.255.255", PRIVATE),
        ("100.128.0.1", PUBLIC),
        ("fd12:3456::1", PRIVATE),
        ("fec0::1", PRIVATE),
        ("169.254.1.1", LINK_LOCAL),
        ("fe80::1", LINK_LOCAL),
        ("fe80::1%eth0", LINK_LOCAL),
        ("127.0.0.1", LOOPBACK),
        ("127.255.255.254", LOOPBACK),
        ("::1", LOOPBACK),
        ("0.0.0.0", LOOPBACK),
        ("::", LOOPBACK),
        ("169.254.169.254", METADATA),
        ("169.254.170.2", METADATA),
        ("fd00:ec2::254", METADATA),
        ("fd00:ec2::254%1", METADATA),
        ("100.100.100.200", METADATA),
        ("168.63.129.16", METADATA),
        ("0.1.2.3", RESERVED),
        ("192.0.2.1", RESERVED),
        ("224.0.0.1", RESERVED),
        ("240.0.0.1", RESERVED),
        ("255.255.255.255", RESERVED),
        ("2001:db8::1", RESERVED),
        ("ff02::1", RESERVED),
    ],
)
def test_kind_of_address(address: str, kind: AddressKind) -> None:
    assert kind_of(ipaddress.ip_address(address)) is kind


@pytest.mark.parametrize("form", ["mapped", "compatible", "nat64", "6to4", "teredo"])
@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("8.8.8.8", PUBLIC),
        ("10.1.2.3", PRIVATE),
        ("127.0.0.1", LOOPBACK),
        ("169.254.169.254", METADATA),
        ("169.254.1.1", LINK_LOCAL),
    ],
)
def test_ipv4_address_within_an_ipv6_one_keeps_its_kind(
    address: str, kind: AddressKind, form: str
) -> None:
    value = int(ipaddress.IPv4Address(address))
    bits = {
        "mapped": 0xFFFF << 32 | value,
        "compatible": value,
        "nat64": 0x64FF9B << 96 | value,
        "6to4": 0x2002 << 112 | value << 80,
        "teredo": 0x20010000 << 96 | value ^ 0xFFFFFFFF,
    }[form]
    assert kind_of(ipaddress.IPv6Address(bits)) is kind


def test_ipv4_mapped_unspecified_address_is_loopback() -> None:
    assert kind_of(ipaddress.ip_address("::ffff:0.0.0.0")) is LOOPBACK


@pytest.mark.parametrize(
    ("address", "port", "words"),
    [
        ("8.8.8.8", 3478, None),
        ("10.1.2.3", 50000, None),
        ("127.0.0.1", 1024, None),
        ("169.254.1.1", 50000, None),
        ("a1b2.local", 50000, None),
        ("8.8.8.8", 443, None),
        ("8.8.8.8", 80, None),
        ("8.8.8.8", 53, "port 53 is below 1,024"),
        ("8.8.8.8", 1023, "port 1023 is below 1,024"),
        ("10.1.2.3", 443, "port 443 is below 1,024"),
        ("127.0.0.1", 80, "port 80 is below 1,024"),
        ("169.254.169.254", 80, "port 80 is below 1,024"),
        ("::ffff:127.0.0.1", 443, "port 443 is below 1,024"),
        ("a1b2.local", 22, "port 22 is below 1,024"),
    ],
)
def test_default_candidate_filter_refuses_what_browsers_refuse(
    address: str, port: int, words: str | None
) -> None:
    assert CandidateFilter().refusal(address, port) == words


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("8.8.8.8", None),
        ("2606:4700::1111", None),
        ("10.1.2.3", "its address is private"),
        ("::ffff:10.1.2.3", "its address is private"),
        ("127.0.0.1", "its address is loopback"),
        ("fe80::1%eth0", "its address is link-local"),
        ("169.254.169.254", "its address is metadata"),
        ("64:ff9b::a9fe:a9fe", "its address is metadata"),
        ("255.255.255.255", "its address is reserved"),
        ("a1b2.local", "names are not looked up"),
    ],
)
def test_server_candidate_filter_lets_public_addresses_pass_only(
    address: str, words: str | None
) -> None:
    assert SERVER.refusal(address, 50000) == words


def test_server_candidate_filter_refuses_system_ports_of_public_addresses() -> None:
    assert SERVER.refusal("8.8.8.8", 53) == "port 53 is below 1,024"


def test_candidate_filter_takes_kinds_as_strings() -> None:
    custom: Any = ["loopback", "metadata"]
    chosen = CandidateFilter(refused=custom)
    assert chosen == CandidateFilter(refused={LOOPBACK, METADATA})
    assert chosen.refusal("10.1.2.3", 5000) is None
    assert chosen.refusal("127.0.0.1", 5000) == "its address is loopback"


@pytest.mark.parametrize("refused", ["loopback", ["loop"], [None]])
def test_candidate_filter_refuses_an_unknown_kind(refused: Any) -> None:
    with pytest.raises(ConfigurationError, match="kinds of addresses"):
        CandidateFilter(refused=refused)
