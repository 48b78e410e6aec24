"""Changes of SIP calls that stand: hold, tracks, rekeys, glare, and what the other end refuses."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from sipmessage import Request, Response

from media import SyntheticAudioTrack
from signaling.sip.errors import CallChangeRefused, SipUsageError
from tests.support.negotiation.connections import until, within
from tests.support.peers.sip_phones import LinkedPhone, sounding, two_phones

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import PeerConnection
    from signaling.sip.call import Call


class Standing:
    """A call that stands, from both ends."""

    def __init__(self, caller: LinkedPhone, called: LinkedPhone, ours: Call, theirs: Call) -> None:
        self.caller, self.called = caller, called
        self.ours, self.theirs = ours, theirs


@asynccontextmanager
async def standing_call() -> AsyncIterator[Standing]:
    async with two_phones() as (caller, called):
        ours, theirs = await caller.call(called, sounding())
        for call in (ours, theirs):
            await within(call.established())
            await within(connection(call).connected())
        yield Standing(caller, called, ours, theirs)


def connection(call: Call) -> PeerConnection:
    assert call.connection is not None
    return call.connection


@pytest.mark.parametrize("by_caller", [True, False], ids=["caller", "called"])
async def test_call_that_one_end_holds_is_held_at_the_other_until_it_resumes(
    by_caller: bool,
) -> None:
    async with standing_call() as both:
        holder, held = (both.ours, both.theirs) if by_caller else (both.theirs, both.ours)
        told: list[str] = []
        held.on("held", lambda: told.append("held"))
        held.on("resumed", lambda: told.append("resumed"))
        await within(holder.hold())
        assert held.is_held
        assert connection(held).getTransceivers()[0].currentDirection == "recvonly"
        await within(holder.resume())
        assert told == ["held", "resumed"]
        assert connection(held).getTransceivers()[0].currentDirection == "sendrecv"


async def test_track_that_is_added_to_a_sip_call_becomes_a_reinvite() -> None:
    async with standing_call() as both:
        came = asyncio.Event()
        connection(both.theirs).on("track", lambda _: came.set())
        connection(both.ours).addTrack(SyntheticAudioTrack())
        await within(came.wait())
        assert len(both.caller.link.requests("INVITE")) == 2


async def test_rekey_of_a_sip_call_changes_its_keys() -> None:
    async with standing_call() as both:
        result = await within(connection(both.theirs).rekey())
        assert result.changed, result.reason


async def test_changes_of_both_ends_at_once_are_both_made_in_the_end() -> None:
    async with standing_call() as both:
        for call in (both.ours, both.theirs):
            connection(call).addTrack(SyntheticAudioTrack())

        def made(call: Call) -> bool:
            sending = [
                each
                for each in connection(call).getTransceivers()
                if each.sender.track and each.currentDirection in ("sendrecv", "sendonly")
            ]
            return len(sending) == 2

        await until(lambda: all(made(call) for call in (both.ours, both.theirs)))


async def test_hold_that_the_other_end_refuses_is_told_and_the_call_goes_on() -> None:
    async with standing_call() as both:
        both.called.link.edit = lambda message: (
            refused(message) if is_answer_to_offer(message) else message
        )
        with pytest.raises(CallChangeRefused, match="488"):
            await within(both.ours.hold())
        assert both.ours.ending is None
        assert connection(both.ours).signalingState == "stable"
        # The same change is not offered again and again.
        assert len(both.caller.link.requests("INVITE")) == 2
        # And the next one, of something else, does not hold the call.
        assert connection(both.ours).getTransceivers()[0].direction == "sendrecv"


async def test_changes_of_a_call_that_is_not_established_are_refused_by_name() -> None:
    async with two_phones() as (caller, called):
        calling = asyncio.create_task(caller.phone.invite("sip:bob@example.org", sounding()))
        call = await called.ringing()
        for change in (call.hold(), call.resume(), call.send_tones("1")):
            with pytest.raises(SipUsageError):
                await change
        call.reject()
        await asyncio.gather(calling, return_exceptions=True)


def is_answer_to_offer(message: Request | Response) -> bool:
    return isinstance(message, Response) and message.code == 200 and bool(message.body)


def refused(message: Request | Response) -> Response:
    response = Response(code=488, phrase="Not Acceptable Here")
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        response.headers.setlist(name, list(message.headers.getlist(name)))
    return response
