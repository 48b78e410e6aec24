"""Calls with keys of signalling (SDES): over TLS alone, and refused before anything is sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer import InsecureSignalingError, MediaEncryption, PeerConfiguration, Sdes
from signaling.sip.errors import CallRejected, SipUsageError
from tests.support.negotiation.connection_media import receives_more
from tests.support.negotiation.connections import within
from tests.support.peers.sip_phones import TARGET, sounding, two_phones

if TYPE_CHECKING:
    from peer import PeerConnection


def keyed(*, said: bool = False) -> PeerConnection:
    """A connection that takes keys of signalling, by its phone's word or by the program's."""
    return sounding(PeerConfiguration(sdes=Sdes(signaling_is_protected=said)))


def encryptions(connection: PeerConnection) -> set[MediaEncryption]:
    return {each.encryption for each in connection.security.transports}


async def test_phones_over_tls_call_each_other_with_keys_of_signalling() -> None:
    async with two_phones() as (caller, called):
        ours, theirs = keyed(), keyed()
        call, _ = await caller.call(called, ours, theirs=theirs)
        await asyncio.gather(receives_more(ours), receives_more(theirs))
        assert encryptions(ours) == encryptions(theirs) == {MediaEncryption.SDES_SRTP}
        await within(call.hold())
        await within(call.resume())
        await asyncio.gather(receives_more(ours), receives_more(theirs))
        assert call.ending is None


@pytest.mark.parametrize("said", [False, True])
async def test_phone_without_tls_sends_no_offer_with_keys_whatever_the_program_says(
    *, said: bool
) -> None:
    async with two_phones() as (caller, _):
        caller.link.secure = False
        connection = keyed(said=said)
        with pytest.raises(InsecureSignalingError, match="not protected"):
            await caller.phone.invite(TARGET, connection)
        assert caller.link.sent == []
        assert connection.signalingState == "stable"
        await connection.close()


async def test_phone_without_tls_takes_no_offer_with_keys() -> None:
    async with two_phones() as (caller, called):
        called.link.secure = False
        theirs = keyed(said=True)
        answering = asyncio.create_task(called.answer(theirs))
        calling = asyncio.create_task(caller.phone.invite(TARGET, keyed()))
        with pytest.raises(InsecureSignalingError, match="not protected"):
            await within(answering)
        with pytest.raises(CallRejected):
            await within(calling)
        assert not any("inline:" in str(each.body) for each in called.link.sent)
        await theirs.close()


async def test_offer_with_keys_rings_at_no_forks() -> None:
    """Two ends with one key of ours could read each other (RFC 3711 section 9.1)."""
    async with two_phones() as (caller, _), keyed() as connection:
        with pytest.raises(SipUsageError, match="one answer"):
            async with caller.phone.ring(TARGET, connection):
                pass
        assert caller.link.sent == []
        assert connection.signalingState == "stable"
