"""Early media of SIP calls (RFC 5763 section 6.2): reliable, previewed, and from several ends."""

from __future__ import annotations

import asyncio

import pytest

from peer import SignalingState
from signaling.sip.agent_port import AgentSettings
from signaling.sip.call_events import CallState
from signaling.sip.errors import CallRejected
from tests.support.negotiation.connections import both_connected, within
from tests.support.peers.sip_phones import sounding, two_phones


@pytest.mark.conformance("6.2-early-media")
@pytest.mark.parametrize("is_reliable", [True, False], ids=["reliable", "unreliable"])
async def test_media_of_a_sip_call_flows_before_it_is_accepted(is_reliable: bool) -> None:
    settings = AgentSettings(is_reliable=is_reliable)
    async with two_phones(called=settings) as (caller, called), sounding() as connection:
        calling = asyncio.create_task(caller.phone.invite("sip:bob@example.org", connection))
        call = await called.ringing()
        early = await within(call.early(sounding()))
        await both_connected(connection, early)
        assert call.state is CallState.EARLY
        assert not calling.done()
        assert len(caller.link.requests("PRACK")) == int(is_reliable)
        assert await within(call.answer()) is early
        ours = await within(calling)
        await within(call.established())
        assert ours.state is CallState.ESTABLISHED
        assert connection.signalingState is SignalingState.STABLE
        # An answer in a reliable 183 is not repeated (RFC 6337 section 2.2).
        answers = [each for each in called.link.sent if each.body.startswith(b"v=")]
        assert len(answers) == (1 if is_reliable else 2)
        assert len({each.body for each in answers}) == 1
        await within(ours.hangup())


async def test_early_call_that_is_refused_closes_the_connection_that_heard_it() -> None:
    async with two_phones() as (caller, called), sounding() as connection:
        calling = asyncio.create_task(caller.phone.invite("sip:bob@example.org", connection))
        call = await called.ringing()
        await within(call.early(sounding()))
        await within(connection.connected())
        call.reject(486)
        with pytest.raises(CallRejected, match="486"):
            await within(calling)
        assert connection.signalingState is SignalingState.CLOSED
        await within(call.ended())


@pytest.mark.conformance("6.4-delayed-offer")
@pytest.mark.parametrize("is_early", [True, False], ids=["in a 183", "in the 200"])
async def test_called_end_offers_where_the_invite_has_no_offer(is_early: bool) -> None:
    async with two_phones() as (caller, called), sounding() as connection:
        inviting = caller.phone.invite("sip:bob@example.org", connection, offer=False)
        calling = asyncio.create_task(inviting)
        call = await called.ringing()
        assert caller.link.requests("INVITE")[0].body == b""
        theirs = sounding()
        if is_early:
            await within(call.early(theirs))
            await both_connected(connection, theirs)
        await within(call.answer(theirs))
        ours = await within(calling)
        await both_connected(connection, theirs)
        assert theirs.localDescription is not None
        assert theirs.localDescription.type == "offer"
        # The answer stands in the PRACK or the ACK.
        (carrier,) = caller.link.requests("PRACK" if is_early else "ACK")
        assert carrier.body.startswith(b"v=0")
        await within(ours.hangup())
