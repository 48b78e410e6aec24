"""Calls with third-party peers: each peer starts once, and is called in all ways."""

from __future__ import annotations

import asyncio

import pytest

from peer import PeerError
from peer.configuration.security_policy import SrtpProfile
from peer.identity.certificate import KeyType
from tests.support.browser.browsers import RemoteError
from tests.support.peers.handshakes import Call, Way, shake_hands
from tests.support.peers.interop import Result, Results
from tests.support.peers.marks import peer_parameters
from tests.support.peers.third_party import OpenPeer, ThirdParty, ThirdPartyError, open_stage

#: In every way; and as the offerer with an RSA certificate, and with each profile alone.
CALLS = (
    *(Call(way) for way in Way),
    Call(Way.OFFER, KeyType.RSA_2048),
    *(Call(Way.OFFER, profile=profile) for profile in SrtpProfile),
)


async def _make_calls(name: ThirdParty) -> Results:
    async with open_stage(name) as open_peer:
        async with open_peer() as peer:
            version = peer.version
        results = [await _make(call, open_peer) for call in CALLS]
    return Results(name, version, tuple(results))


async def _make(call: Call, open_peer: OpenPeer) -> Result:
    try:
        async with open_peer() as peer:
            return Result(call, await shake_hands(peer, call), None)
    except (ThirdPartyError, PeerError, RemoteError, TimeoutError) as error:
        return Result(call, None, f"{type(error).__name__}: {error}")


@pytest.fixture(scope="module", params=peer_parameters())
def results(request: pytest.FixtureRequest) -> Results:
    """What came of all calls with a peer; kept for docs/INTEROP.md."""
    results = asyncio.run(_make_calls(request.param))
    results.write()
    return results
