"""`setConfiguration`: what the next gathering uses, and what cannot change (webrtc-pc 4.4.1.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from peer import (
    BundlePolicy,
    ConfigurationError,
    IceServer,
    IceTransportPolicy,
    InvalidModificationError,
    InvalidStateError,
    PeerConfiguration,
    PeerConnection,
)
from tests.support.negotiation.connection_state import refused
from tests.support.negotiation.connections import (
    connect,
    connected_pair,
    exchange,
    expected,
    loopback,
    opened,
    pair,
    within,
)


def refusing(port: int) -> IceServer:
    """Name a TURN server at a port where nothing listens, which is told at once over TCP."""
    url = f"turn:127.0.0.1:{port}?transport=tcp"
    return IceServer(url, username="user", credential="secret")


async def test_servers_of_a_set_configuration_are_asked_by_the_next_gathering() -> None:
    async with connected_pair(left=loopback(iceServers=(refusing(9),))) as (left, right, _):
        following = replace(left.getConfiguration(), iceServers=(refusing(10),))
        left.setConfiguration(following)
        assert left.getConfiguration() is following
        asked: list[str] = []
        failed = expected(left, "icecandidateerror")
        left.on("icecandidateerror", lambda event: asked.append(event.url))
        left.restartIce()
        await exchange(left, right)
        await within(failed)
        assert asked == ["turn:127.0.0.1:10?transport=tcp"]


async def test_changed_transport_policy_restarts_ice_in_the_next_offer() -> None:
    async with connected_pair() as (left, right, _):
        before = left.localDescription
        needed = expected(left, "negotiationneeded")
        given = left.getConfiguration()
        left.setConfiguration(replace(given, iceTransportPolicy=IceTransportPolicy.RELAY))
        left.setConfiguration(given)
        await within(needed)
        await exchange(left, right)
        assert before is not None
        assert left.localDescription is not None
        assert _fragment(left.localDescription.sdp) != _fragment(before.sdp)


def _fragment(sdp: str) -> str:
    return next(line for line in sdp.splitlines() if line.startswith("a=ice-ufrag"))


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"bundlePolicy": BundlePolicy.MAX_BUNDLE}, InvalidModificationError, "bundlePolicy"),
        ({"interfaces": ("127.0.0.2",)}, InvalidModificationError, "interfaces"),
        ({"iceServers": (IceServer("stuns:a"),)}, ConfigurationError, "none of the ICE servers"),
        ({"iceCandidatePoolSize": 1}, InvalidModificationError, "after setLocalDescription"),
    ],
)
async def test_configuration_that_cannot_be_is_refused(
    changed: dict[str, Any], error: type[Exception], words: str
) -> None:
    async with PeerConnection(loopback()) as pc:
        pc.createDataChannel("chat")
        await pc.setLocalDescription()
        given = pc.getConfiguration()
        async with refused(pc, error, words):
            pc.setConfiguration(
                replace(given, iceTransportPolicy=IceTransportPolicy.RELAY, **changed)
            )
        assert pc.getConfiguration() is given


async def test_candidate_pool_size_may_change_before_the_first_description() -> None:
    async with PeerConnection(loopback()) as pc:
        pc.setConfiguration(replace(pc.getConfiguration(), iceCandidatePoolSize=5))
        assert pc.getConfiguration().iceCandidatePoolSize == 5


async def test_configuration_of_a_closed_connection_cannot_be_set() -> None:
    pc = PeerConnection(PeerConfiguration())
    await pc.close()
    with pytest.raises(InvalidStateError):
        pc.setConfiguration(PeerConfiguration())


async def test_data_channels_are_negotiated_where_the_configuration_says_so() -> None:
    async with PeerConnection(loopback(alwaysNegotiateDataChannels=True)) as pc:
        assert "m=application" in (await pc.createOffer()).sdp
        pc.setConfiguration(replace(pc.getConfiguration(), alwaysNegotiateDataChannels=False))
        pc.addTransceiver("audio")
        assert "m=application" not in (await pc.createOffer()).sdp


async def test_data_channel_opens_on_a_section_that_was_negotiated_without_one() -> None:
    async with pair(left=loopback(alwaysNegotiateDataChannels=True)) as (left, right):
        await connect(left, right)
        # No further description is exchanged.
        await opened(left.createDataChannel("late"))
        await opened(right.createDataChannel("later"))
