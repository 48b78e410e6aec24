"""Calls in which either end shows relayed candidates of coturn alone, and either end offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer.configuration import IceTransportPolicy
from tests.support.negotiation.connections import expected, opened, within
from tests.support.network.turn import turn_daemon
from tests.support.peers.marks import EVERYTHING, peer_parameters
from tests.support.peers.negotiated_session import (
    Medium,
    NegotiatedSession,
    session_with,
    small_video,
)
from tests.support.peers.third_party import ThirdParty, open_stage

if TYPE_CHECKING:
    from pathlib import Path

    from peer import DataChannelEvent

PEERS = (ThirdParty.WRTC, ThirdParty.CHROMIUM)

pytestmark = pytest.mark.needs("turnserver")


async def open_by_the_peer(session: NegotiatedSession) -> None:
    """Let the peer make the first offer, and wait until media and data flow both ways."""
    coming = expected(session.pc, "datachannel")
    await session.peer.tell("send", kind=Medium.VIDEO.value)
    session.pc.addTrack(small_video())
    await session.be_offered()
    await within(session.pc.connected())
    event: DataChannelEvent = await within(coming)
    session.channel = event.channel
    await within(opened(session.channel))
    await session.flow()


@pytest.mark.parametrize("by_peer", [False, True], ids=["we offer", "it offers"])
@pytest.mark.parametrize("name", peer_parameters(PEERS if EVERYTHING else PEERS[:1]))
async def test_media_and_data_flow_both_ways_between_two_relays_of_coturn(
    name: ThirdParty, by_peer: bool, tmp_path: Path
) -> None:
    async with turn_daemon(tmp_path) as turn, open_stage(name) as open_peer, open_peer() as peer:
        server = turn.turn()
        await peer.tell(
            "configure",
            configuration={
                "iceServers": [
                    {"urls": server.urls, "username": "u", "credential": server.credential}
                ],
                "iceTransportPolicy": "relay",
            },
        )
        async with session_with(
            peer, Medium.VIDEO, iceServers=[server], iceTransportPolicy=IceTransportPolicy.RELAY
        ) as session:
            await (open_by_the_peer(session) if by_peer else session.open())
            assert await session.echo()
            pair = (await session.report()).pair
            assert [each["candidateType"] for each in pair] == ["relay", "relay"]
