"""TCP candidates: which of them pair, and which come first (RFC 6544)."""

from __future__ import annotations

import pytest
from aioice import Candidate
from aioice.candidate import candidate_priority

from peer.transport.adapters.tcp_candidates import TcpCandidate


def ours(tcp_type: str, *, interface: int = 0, host: str = "192.0.2.1") -> TcpCandidate:
    return TcpCandidate(tcp_type, (host, 9), interface=interface)


def remote(transport: str, tcp_type: str | None, host: str = "192.0.2.9") -> Candidate:
    return Candidate("1", 1, transport, 1, host, 5000, "host", tcptype=tcp_type)


@pytest.mark.parametrize(
    ("local", "other", "pairs"),
    [
        ("active", remote("tcp", "passive"), True),
        ("active", remote("tcp", "active"), False),
        ("active", remote("tcp", "so"), False),
        ("active", remote("tcp", None), False),
        ("active", remote("udp", None), False),
        ("active", remote("tcp", "passive", "2001:db8::9"), False),
        ("passive", remote("tcp", "active"), False),
        ("passive", remote("tcp", "passive"), False),
    ],
)
def test_tcp_checks_go_from_active_to_passive_candidates_only(
    local: str, other: Candidate, *, pairs: bool
) -> None:
    assert ours(local).can_pair_with(other) is pairs


def test_tcp_candidates_come_after_those_of_udp_and_before_relays() -> None:
    active, passive = ours("active"), ours("passive")
    assert active.priority > passive.priority > ours("passive", interface=1).priority
    assert candidate_priority(1, "srflx") > active.priority
    assert ours("passive", interface=100_000).priority > candidate_priority(1, "relay")
    assert candidate_priority(1, "prflx", 0) > active.priority_as("prflx")


def test_tcp_candidates_of_one_address_differ_in_their_foundations() -> None:
    assert ours("active").foundation != ours("passive").foundation


@pytest.mark.parametrize(("local", "kind"), [("passive", "active"), ("active", "passive")])
def test_peer_that_was_found_over_tcp_is_told_as_such(local: str, kind: str) -> None:
    found = remote("udp", None)
    ours(local).describe(found)
    assert (found.transport, found.tcptype) == ("tcp", kind)
