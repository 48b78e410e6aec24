"""Tones of a telephone's keys in SIP calls: in audio, in INFO, and what is none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer import PeerConnection
from signaling.sip.errors import SipUsageError
from tests.support.negotiation.connections import within
from tests.support.peers.sip_phones import sounding, two_phones

if TYPE_CHECKING:
    from signaling.sip.call import Call


async def heard(call: Call, count: int) -> str:
    tones = ""
    async for tone in call.tones():
        tones += tone
        if len(tones) == count:
            break
    return tones


@pytest.mark.parametrize("in_audio", [True, False], ids=["RFC 4733", "INFO"])
async def test_tones_of_a_sip_call_arrive_in_order(in_audio: bool) -> None:
    told: list[str] = []
    async with two_phones() as (caller, called):
        theirs = sounding()
        # Who sends no audio has none to put tones in.
        ours = sounding() if in_audio else None
        call, other = await caller.call(called, ours, theirs=theirs)
        await within(asyncio.gather(call.established(), other.established(), theirs.connected()))
        other.on("tone", told.append)
        await within(call.send_tones("12#", duration=0.05, gap=0.05))
        assert await within(heard(other, 3)) == "12#"
        assert told == ["1", "2", "#"]
        assert bool(caller.link.requests("INFO")) is not in_audio


async def test_character_that_is_no_tone_is_refused() -> None:
    async with two_phones() as (caller, called):
        call, _ = await caller.call(called)
        with pytest.raises(SipUsageError, match="'x' is no tone"):
            await call.send_tones("1x")


async def test_readers_of_tones_end_with_the_call() -> None:
    async with two_phones() as (caller, called):
        call, other = await caller.call(called, theirs=PeerConnection())
        reading = asyncio.create_task(heard(other, 1))
        await within(call.hangup())
        assert await within(reading) == ""


async def test_tones_that_are_played_end_with_the_call() -> None:
    async with two_phones() as (caller, called):
        call, other = await caller.call(called, sounding())
        assert call.connection is not None
        await within(asyncio.gather(call.established(), call.connection.connected()))
        sending = asyncio.create_task(call.send_tones("1" * 100, duration=6.0))
        assert await within(heard_or_over(other)) == ""
        await within(sending)


async def heard_or_over(call: Call) -> str:
    await call.hangup()
    return await heard(call, 1)
