"""Calls whose ends sign their fingerprints (RFC 8224), an answerer in its next offer (RFC 8862)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer import PeerConfiguration
from peer.errors import ConfigurationError, IdentityError
from peer.trust import Signer, Trust, TrustLevel
from signaling.sip.errors import CallRejected
from tests.support.negotiation.connections import until, within
from tests.support.peers.sip_phones import sounding, two_phones
from tests.support.sip.signed import ANN, BOB, KEYS, TEAM, signed_requests, signing

if TYPE_CHECKING:
    from peer import PeerConnection
    from signaling.sip.call import Call


def identity(connection: PeerConnection) -> tuple[str | None, TrustLevel]:
    (transport,) = connection.security.transports
    return transport.peer.name, transport.peer.level


async def are_connected(*calls: Call) -> list[tuple[str | None, TrustLevel]]:
    """Wait until both ends of a call have media; whom each takes for its peer."""
    found = []
    for call in calls:
        await within(call.established())
        assert call.connection is not None
        await within(call.connection.connected())
        found.append(identity(call.connection))
    return found


def known_by(*calls: Call) -> list[tuple[str | None, TrustLevel]]:
    """Whom the ends of calls take for their peers at present."""
    return [identity(call.connection) for call in calls if call.connection is not None]


def shown(connection: PeerConnection) -> object:
    """The certificate that the peer shows."""
    return connection.security.transports[0].remote_fingerprint


BOTH = [(BOB, TrustLevel.SIGNATURE), (ANN, TrustLevel.SIGNATURE)]


@pytest.mark.conformance("8.1-signed", "8.1-responder")
async def test_both_ends_of_a_signed_call_know_each_other_by_signature() -> None:
    async with two_phones() as (caller, called):
        calls = await caller.call(called, signing(ANN), theirs=signing(BOB))
        assert await are_connected(*calls) == BOTH
        # An answer has no place for a signature: the called end offers once more.
        assert signed_requests(caller.link.sent) == ["INVITE"]
        assert signed_requests(called.link.sent) == ["INVITE"]


@pytest.mark.conformance("8.1-signed", "6.4-delayed-offer")
async def test_ends_of_a_call_without_an_offer_sign_when_they_can() -> None:
    """The 200 holds the offer and the ACK the answer: neither has a place for a signature."""
    async with two_phones() as (caller, called):
        answering = asyncio.create_task(called.answer(signing(BOB)))
        ours = await within(caller.phone.invite(BOB, signing(ANN), offer=False))
        assert await are_connected(ours, await within(answering)) == BOTH


@pytest.mark.parametrize("by_caller", [True, False], ids=["caller", "called"])
@pytest.mark.conformance("8.1-signed", "6.8-rekey")
async def test_new_keys_of_a_signed_call_are_signed(by_caller: bool) -> None:
    async with two_phones() as (caller, called):
        calls = await caller.call(called, signing(ANN), theirs=signing(BOB))
        await are_connected(*calls)
        one, other = (call.connection for call in (calls if by_caller else calls[::-1]))
        assert one is not None
        assert other is not None
        former = {shown(one), shown(other)}
        await within(one.rekey())
        await until(lambda: shown(other) not in former and known_by(*calls) == BOTH)


async def test_hold_and_resume_of_a_signed_call_keep_its_level() -> None:
    async with two_phones() as (caller, called):
        calls = await caller.call(called, signing(ANN), theirs=signing(BOB))
        await are_connected(*calls)
        for call in calls:
            await within(call.hold())
            await within(call.resume())
        assert await are_connected(*calls) == BOTH


async def test_signature_that_is_not_required_raises_the_level_when_it_comes() -> None:
    async with two_phones() as (caller, called):
        pairs = (signing(each, require=TrustLevel.NOTHING) for each in (ANN, BOB))
        calls = await caller.call(called, next(pairs), theirs=next(pairs))
        await are_connected(*calls)
        await until(
            lambda: [identity(call.connection) for call in calls if call.connection] == BOTH
        )


async def test_call_to_a_team_is_signed_by_who_answers_where_the_caller_allows_it() -> None:
    async with two_phones(address=f"<{BOB}>") as (caller, called):
        answering = asyncio.create_task(called.answer(signing(BOB, audience=(BOB, TEAM))))
        ours = signing(ANN, answers_for=lambda who, called: (who, called) == (BOB, TEAM))
        call = await within(caller.phone.invite(TEAM, ours))
        assert await are_connected(call, await within(answering)) == BOTH
        # RFC 4916: it says who it is in From of its next request.
        assert BOB in called.link.sent[-1].headers["From"]
        await within(call.hold())
        assert BOB in caller.link.sent[-1].headers["To"]


@pytest.mark.conformance("8.1-responder")
async def test_call_to_a_team_fails_where_nobody_may_answer_for_it() -> None:
    async with two_phones(address=f"<{BOB}>") as (caller, called):
        answering = asyncio.create_task(called.answer(signing(BOB, audience=(BOB, TEAM))))
        call = await within(caller.phone.invite(TEAM, signing(ANN)))
        await within(call.ended())
        assert "the other end is sip:team" in str(call.error)
        await within(answering)


@pytest.mark.conformance("8.1-signed")
async def test_unsigned_call_is_refused_where_signatures_are_required() -> None:
    async with two_phones() as (caller, called):
        calling = asyncio.create_task(caller.phone.invite(BOB, sounding()))
        with pytest.raises(IdentityError, match="not signed"):
            await (await called.ringing()).answer(signing(BOB))
        with pytest.raises(CallRejected, match="428 Use Identity Header"):
            await within(calling)


async def test_unsigned_call_is_refused_early_as_well() -> None:
    async with two_phones() as (caller, called):
        calling = asyncio.create_task(caller.phone.invite(BOB, sounding()))
        call = await called.ringing()
        with pytest.raises(IdentityError, match="not signed"):
            await call.early(signing(BOB))
        with pytest.raises(CallRejected, match="428 Use Identity Header"):
            await within(calling)


async def test_answerer_that_does_not_sign_gets_no_media() -> None:
    async with two_phones() as (caller, called):
        trust = signing(ANN)
        call, _ = await caller.call(called, trust, theirs=sounding())
        await within(call.established())
        await until(lambda: shown(trust) is not None)
        assert trust.connectionState != "connected"
        await within(call.hangup())


async def test_phone_that_signs_as_another_than_it_is_makes_no_call() -> None:
    trust = Trust(signer=Signer(KEYS[BOB], origin=BOB))
    async with two_phones() as (caller, _), sounding(PeerConfiguration(trust=trust)) as connection:
        with pytest.raises(ConfigurationError, match=r"signs as sip:bob.*this end is sip:ann"):
            await caller.phone.invite(BOB, connection)
        assert caller.link.sent == []
