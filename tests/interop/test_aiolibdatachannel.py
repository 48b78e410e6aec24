"""Calls with libdatachannel in Python 3.12, where that is there: it has data channels alone."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from peer import ConnectionState, IceConnectionState, SdpType, SessionDescription
from peer.tracing.events import HandshakeCompleted
from tests.support.negotiation.connections import expected, opened, reached, within
from tests.support.peers.negotiated_session import Medium, NegotiatedSession, session_with
from tests.support.peers.third_party import ThirdPartyError, aiolibdatachannel_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import DataChannelEvent

pytestmark = [
    pytest.mark.needs("aiolibdatachannel"),
    pytest.mark.xdist_group("peer-aiolibdatachannel"),
    pytest.mark.long,
]


@asynccontextmanager
async def data_session(*, by_peer: bool = False) -> AsyncIterator[NegotiatedSession]:
    async with (
        aiolibdatachannel_stage() as open_peer,
        open_peer() as peer,
        session_with(peer, Medium.AUDIO) as session,
    ):
        if by_peer:
            coming = expected(session.pc, "datachannel")
            await session.be_offered()
            event: DataChannelEvent = await within(coming)
            session.channel = event.channel
        else:
            session.channel = session.pc.createDataChannel("echo")
            await session.offer()
        await within(session.pc.connected())
        await within(opened(session.channel))
        yield session


@pytest.mark.parametrize("by_peer", [False, True], ids=["we offer", "it offers"])
async def test_messages_come_back_from_aiolibdatachannel_over_every_channel(by_peer: bool) -> None:
    async with data_session(by_peer=by_peer) as session:
        assert await session.echo()
        another = session.pc.createDataChannel("another")
        await within(opened(another))
        assert await session.echo(another)
        (security,) = session.pc.security.transports
        assert security.verified


async def test_offers_and_a_rekey_keep_the_association_with_aiolibdatachannel() -> None:
    async with data_session() as session:
        await session.offer()
        assert await session.echo()
        result, _ = await session.rekey()
        assert not result.changed
        assert "the peer kept its association" in result.reason
        assert await session.echo()
        assert len(session.trace.all(HandshakeCompleted)) == 1


async def test_ice_restart_that_aiolibdatachannel_refuses_leaves_the_session_as_it_was() -> None:
    async with data_session() as session:
        session.pc.restartIce()
        with pytest.raises(ThirdPartyError):
            await session.offer()
        await session.pc.setLocalDescription(SessionDescription("", SdpType.ROLLBACK))
        assert await session.echo()


async def test_aiolibdatachannel_that_closes_is_lost_by_its_silence() -> None:
    async with data_session() as session:
        await session.peer.tell("close")
        await reached(
            session.pc,
            "connectionstatechange",
            lambda: session.pc.connectionState is ConnectionState.DISCONNECTED,
        )
        assert session.pc.iceConnectionState is IceConnectionState.DISCONNECTED
