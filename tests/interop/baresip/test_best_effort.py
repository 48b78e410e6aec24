"""Calls with baresip without media encryption: plain RTP where it is asked for, and only there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer import (
    BestEffort,
    IcePolicy,
    MediaEncryption,
    PeerConfiguration,
    RtcpMuxPolicy,
    TransportError,
)
from tests.support.negotiation.connections import expected, within
from tests.support.peers.baresip import MediaMode, Phone, baresip
from tests.support.peers.phone_calls import PhoneCall
from tests.support.peers.sip import SipError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [
    pytest.mark.needs("baresip"),
    pytest.mark.xdist_group("peer-baresip"),
    pytest.mark.conformance("6.11-best-effort", peers=("baresip",)),
]


_BEST_EFFORT = PeerConfiguration(best_effort=BestEffort.PLAIN_RTP)
_WITHOUT_ICE = replace(_BEST_EFFORT, ice=IcePolicy.OPTIONAL, rtcp_mux=RtcpMuxPolicy.NEGOTIATE)


@pytest.fixture
async def plain_phone(tmp_path: Path) -> AsyncIterator[Phone]:
    async with baresip(tmp_path, MediaMode.PLAIN_ICE) as phone:
        await phone.logs("baresip is ready")
        yield phone


async def talk(call: PhoneCall[Phone]) -> None:
    """Wait until sound comes, and until the phone has heard ours."""
    await within(call.pc.connected())
    await call.flow(kinds=["audio"])
    await call.phone.logs("incoming rtp for 'audio' established")


def encryptions(call: PhoneCall[Phone]) -> set[MediaEncryption]:
    return {each.encryption for each in call.pc.security.transports}


async def test_baresip_without_encryption_is_called_by_osrtp_and_talks_in_clear(
    plain_phone: Phone,
) -> None:
    call = PhoneCall(plain_phone, _BEST_EFFORT)
    async with call.pc:
        told = expected(call.pc, "unencrypted")
        answer = await call.offer()
        assert "m=audio 0" not in answer
        await talk(call)
        assert encryptions(call) == {MediaEncryption.NONE}
        assert (await within(told)).mids
        assert call.handshakes == 0
        assert await call.hold() == 0
        await call.flow(kinds=["audio"])


async def test_baresip_without_encryption_calls_and_talks_in_clear(plain_phone: Phone) -> None:
    call = PhoneCall(plain_phone, _BEST_EFFORT)
    async with call.pc:
        await plain_phone.dial()
        await call.answer()
        await talk(call)
        assert encryptions(call) == {MediaEncryption.NONE}


@pytest.mark.parametrize("phone_calls", [False, True], ids=["called", "calling"])
async def test_baresip_with_neither_encryption_nor_ice_talks_in_clear(
    tmp_path: Path, *, phone_calls: bool
) -> None:
    async with baresip(tmp_path, MediaMode.PLAIN) as phone:
        await phone.logs("baresip is ready")
        call = PhoneCall(phone, _WITHOUT_ICE)
        async with call.pc:
            if phone_calls:
                await phone.dial()
                await call.answer()
            else:
                await call.offer()
            await talk(call)
            await call.heard(kinds=["audio"])
            assert encryptions(call) == {MediaEncryption.NONE}
            assert await call.hold() == 0
            await call.flow(kinds=["audio"])


async def test_baresip_without_encryption_gets_no_media_by_default(plain_phone: Phone) -> None:
    call = PhoneCall(plain_phone)
    async with call.pc:
        await plain_phone.dial()
        await call.answer()
        with pytest.raises(TransportError, match="it has no a=fingerprint"):
            await within(call.pc.connected())


async def test_baresip_with_dtls_refuses_osrtp_and_is_encrypted_where_it_calls(
    tmp_path: Path,
) -> None:
    async with baresip(tmp_path) as phone:
        await phone.logs("baresip is ready")
        call = PhoneCall(phone, _BEST_EFFORT)
        async with call.pc:
            with pytest.raises(SipError, match="488"):
                await call.offer()
        call = PhoneCall(phone, _BEST_EFFORT)
        async with call.pc:
            await phone.dial()
            await call.answer()
            await talk(call)
            assert encryptions(call) == {MediaEncryption.DTLS_SRTP}
            assert call.pc.security.verified
