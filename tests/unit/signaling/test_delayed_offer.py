"""Invitations without a description (RFC 5763 section 6.4), on a stand-in for the connection."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from peer.descriptions import SdpType, SessionDescription
from signaling import Answer, Invite, Offer, Opening
from tests.support.negotiation.stand_in import Scene, StandIn, turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def end(
    opening: Opening = Opening.OFFER, *, polite: bool = True, pc: StandIn | None = None
) -> AsyncIterator[Scene]:
    scene = Scene(polite=polite, opening=opening, pc=pc)
    await asyncio.sleep(0)
    yield scene
    await scene.peer.close()
    await scene.running
    assert scene.errors == []


async def test_inviting_end_sends_an_invitation_and_answers_the_offer() -> None:
    async with end(Opening.DELAYED_OFFER) as scene:
        assert await scene.hears() == Invite()
        scene.pc.emit("negotiationneeded")
        await turns()
        assert scene.pc.applied == []
        await scene.says(Offer(sdp="theirs"))
        await scene.hears(Answer)
        assert scene.pc.applied == ["remote offer", "local"]


async def test_inviting_end_offers_once_it_has_answered() -> None:
    async with end(Opening.DELAYED_OFFER) as scene:
        await scene.hears(Invite)
        await scene.says(Offer(sdp="theirs"))
        await scene.hears(Answer)
        scene.pc.emit("negotiationneeded")
        await scene.hears(Offer)


async def test_inviting_end_that_takes_over_a_session_invites_nobody() -> None:
    pc = StandIn()
    pc.remoteDescription = SessionDescription("theirs", SdpType.OFFER)
    async with end(Opening.DELAYED_OFFER, pc=pc) as scene:
        scene.pc.emit("negotiationneeded")
        await scene.hears(Offer)


@pytest.mark.parametrize("polite", [True, False])
async def test_invited_end_makes_the_offer(polite: bool) -> None:
    async with end(polite=polite) as scene:
        await scene.says(Invite())
        await scene.hears(Offer)
        await scene.says(Answer(sdp="theirs"))
        await turns()
        assert scene.pc.applied == ["local", "remote answer"]


async def test_invitation_of_an_end_that_invites_too_is_answered_by_an_offer() -> None:
    async with end(Opening.DELAYED_OFFER) as scene:
        await scene.hears(Invite)
        await scene.says(Invite())
        await scene.hears(Offer)


async def test_thousand_invitations_are_answered_by_the_one_open_offer() -> None:
    async with end() as scene:
        await scene.says(Invite())
        await scene.hears(Offer)
        for _ in range(1000):
            await scene.says(Invite())
        await scene.says(Answer(sdp="theirs"), Offer(sdp="their next"))
        await scene.hears(Answer)
        assert scene.pc.applied == ["local", "remote answer", "remote offer", "local"]


async def test_invitation_that_crosses_an_offer_is_answered_by_it() -> None:
    async with end() as scene:
        await scene.says(Invite())
        await scene.hears(Offer)
        # The other one changed its mind in the meantime; the polite end gives way as always.
        await scene.says(Offer(sdp="theirs"))
        await scene.hears(Answer)
        await turns()
        assert scene.pc.applied == ["local", "remote offer", "local"]


async def test_invitation_rings_and_is_answered_by_an_offer_once_accepted() -> None:
    async with end(Opening.EARLY_ANSWER) as scene:
        await scene.says(Invite(), Invite())
        await turns()
        assert (scene.pc.applied, scene.rings) == ([], 1)
        scene.negotiator.accept()
        await scene.hears(Offer)
