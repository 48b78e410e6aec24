"""Conversion of candidates to those of aioice and back."""

from __future__ import annotations

import pytest

from peer.ice import CandidateFields
from peer.transport.ice.candidates import from_aioice, to_aioice


@pytest.mark.parametrize(
    "line",
    [
        "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host",
        "candidate:2 1 udp 1694498815 198.51.100.7 6000 typ srflx raddr 192.0.2.1 rport 5000",
        "candidate:3 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active",
    ],
)
def test_candidate_survives_conversion_to_aioice_and_back(line: str) -> None:
    fields = CandidateFields.parse(line)
    assert from_aioice(to_aioice(fields)) == fields
