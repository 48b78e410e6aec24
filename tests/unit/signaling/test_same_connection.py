"""Two descriptions are of one connection unless session id and certificate have both changed."""

from __future__ import annotations

import pytest

from peer import PeerConnection
from signaling.same_connection import is_of_another_connection
from tests.support.negotiation.connections import exchange, local, loopback, pair


def sdp(session: str, *fingerprints: str) -> str:
    lines = ["v=0", f"o=- {session} IN IP4 0.0.0.0", "s=-", "t=0 0"]
    return "\r\n".join([*lines, *(f"a=fingerprint:{each}" for each in fingerprints), ""])


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (sdp("1 2", "sha-256 AA"), False),
        (sdp("1 2", "sha-256 BB"), False),  # a rekey
        (sdp("2 2", "sha-256 AA"), False),  # aiortc, which makes an id for each description
        (sdp("2 2", "SHA-256 aa"), False),
        (sdp("2 2", "sha-256 BB", "sha-256 AA"), False),
        (sdp("2 2", "sha-256 BB"), True),
        ("no description", True),
    ],
)
def test_session_id_and_certificate_together_tell_connections_apart(
    later: str, expected: bool
) -> None:
    assert is_of_another_connection(later, known=sdp("1 1", "sha-256 AA")) is expected


async def test_all_descriptions_of_a_peer_connection_are_of_one_connection() -> None:
    async with pair() as (left, right), PeerConnection(loopback()) as third:
        left.createDataChannel("data")
        await exchange(left, right)
        first = local(left).sdp
        await left.setLocalDescription(await left.createOffer(iceRestart=True))
        assert not is_of_another_connection(local(left).sdp, known=first)
        third.createDataChannel("data")
        await third.setLocalDescription()
        assert is_of_another_connection(local(third).sdp, known=first)
