"""Calls with baresip without media encryption: plain RTP where it is asked for, and only there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer import BestEffort, MediaEncryption, TransportError
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
    call = PhoneCall(plain_phone, best_effort=BestEffort.PLAIN_RTP)
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
    call = PhoneCall(plain_phone, best_effort=BestEffort.PLAIN_RTP)
    async with call.pc:
        await plain_phone.dial()
        await call.answer()
        await talk(call)
        assert encryptions(call) == {MediaEncryption.NONE}


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
        call = PhoneCall(phone, best_effort=BestEffort.PLAIN_RTP)
        async with call.pc:
            with pytest.raises(SipError, match="488"):
                await call.offer()
        call = PhoneCall(phone, best_effort=BestEffort.PLAIN_RTP)
        async with call.pc:
            await phone.dial()
            await call.answer()
            await talk(call)
            assert encryptions(call) == {MediaEncryption.DTLS_SRTP}
            assert call.pc.security.verified
