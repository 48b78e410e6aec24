"""Calls with baresip without ICE, with RTCP on the port of RTP and on one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer import IcePolicy, PeerConfiguration, RtcpMuxPolicy
from tests.support.negotiation.connections import within
from tests.support.peers.baresip import MediaMode, Phone, baresip
from tests.support.peers.phone_calls import PhoneCall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [
    pytest.mark.needs("baresip"),
    pytest.mark.xdist_group("peer-baresip"),
    pytest.mark.conformance("6.7.2-latching", peers=("baresip",)),
]


_WITHOUT_ICE = PeerConfiguration(ice=IcePolicy.OPTIONAL, rtcp_mux=RtcpMuxPolicy.NEGOTIATE)


@pytest.fixture(params=[True, False], ids=["rtcp-mux", "two ports"])
async def phone(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Phone]:
    async with baresip(tmp_path, MediaMode.LATCHING, mux=request.param) as phone:
        await phone.logs("baresip is ready")
        yield phone


async def talk(call: PhoneCall[Phone]) -> None:
    """Wait until sound comes, and until the phone has reported that it gets ours."""
    await within(call.pc.connected())
    await call.flow(kinds=["audio"])
    await call.heard(kinds=["audio"])
    assert not any(transport.uses_ice for transport in call.pc.security.transports)
    assert call.pc.security.verified


async def test_baresip_without_ice_is_called_and_talks(phone: Phone) -> None:
    call = PhoneCall(phone, _WITHOUT_ICE)
    async with call.pc:
        assert "a=ice-ufrag" not in await call.offer()
        await talk(call)


async def test_baresip_without_ice_calls_and_talks(phone: Phone) -> None:
    call = PhoneCall(phone, _WITHOUT_ICE)
    async with call.pc:
        await phone.dial()
        assert "a=ice-ufrag" not in await call.answer()
        await talk(call)
