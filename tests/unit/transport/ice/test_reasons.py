from __future__ import annotations

from typing import Any

import pytest

from peer.ice import CandidateFields
from peer.transport.ice.reasons import no_path
from peer.transport.ice.servers import ServerFailure


def candidate(kind: str) -> CandidateFields:
    return CandidateFields("1", 1, "udp", 1, "192.0.2.1", 9, kind)


def message(**changes: Any) -> str:
    facts: dict[str, Any] = {
        "timeout": 30.0,
        "local": [candidate("host"), candidate("host"), candidate("srflx")],
        "remote": [candidate("host")],
        "checks_sent": 3,
        "checks_refused": 0,
        "checks_received": 0,
        "checks_contended": 0,
        "failures": [],
    }
    return str(no_path(**{**facts, **changes}))


def test_ice_error_counts_candidates_by_type() -> None:
    assert message().startswith(
        "no check has succeeded within 30 s; we have 3 candidates (2 host, 1 srflx), "
        "the peer 1 candidate (1 host); "
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"remote": []}, "the peer no candidates"),
        ({}, "of 3 checks that we sent none was answered; 0 checks of the peer's came"),
        ({"checks_refused": 2}, "sent 2 answered with an error, none with success"),
        ({"checks_received": 4}, "; 4 checks of the peer's came"),
        (
            {"checks_contended": 2},
            "; 2 checks came from an address that is the peer of another connection on the same "
            "port of ours (one_port)",
        ),
        (
            {"failures": [ServerFailure("stun:stun.example", "no answer")]},
            "; stun:stun.example did not serve: no answer",
        ),
        (
            {"failures": [ServerFailure("turn:t.example", "Forbidden", code=403)]},
            "; turn:t.example did not serve: 403 Forbidden",
        ),
        (
            {"failures": [ServerFailure("turn:t.example", "Forbidden", 403, about_peer=True)]},
            "; turn:t.example did not serve: 403 Forbidden for an address of the peer",
        ),
    ],
)
def test_ice_error_says_what_was_tried(changes: dict[str, Any], words: str) -> None:
    assert words in message(**changes)
