"""Calls between two phones: accepted, refused, cancelled, ended, and their media."""

from __future__ import annotations

import asyncio

import pytest

from peer import ConnectionState
from signaling.sip.call_events import CallDirection, CallState
from signaling.sip.errors import CallRejected, SipUsageError
from signaling.sip.session_events import EndCause
from tests.support.negotiation.connections import until, within
from tests.support.peers.sip_phones import sounding, two_phones


async def test_call_that_is_accepted_connects_both_ends() -> None:
    async with two_phones() as (caller, called):
        ours, theirs = await caller.call(called, sounding())
        for call in (ours, theirs):
            await within(call.established())
            assert call.connection is not None
            await within(call.connection.connected())
        assert (ours.direction, theirs.direction) == (
            CallDirection.OUTGOING,
            CallDirection.INCOMING,
        )
        assert theirs.remote == "sip:ann@example.org"


@pytest.mark.parametrize("by_caller", [True, False], ids=["caller", "called"])
async def test_hangup_of_either_end_ends_the_call_at_both(by_caller: bool) -> None:
    async with two_phones() as (caller, called):
        ours, theirs = await caller.call(called, sounding())
        await within(theirs.established())
        one, other = (ours, theirs) if by_caller else (theirs, ours)
        await within(one.hangup())
        assert (await within(other.ended())).cause is EndCause.REMOTE
        for call in (ours, theirs):
            assert call.state is CallState.ENDED
            assert call.connection is not None
            assert call.connection.connectionState is ConnectionState.CLOSED
        assert caller.phone.current_calls == called.phone.current_calls == ()


async def test_refused_call_raises_its_status_and_leaves_the_connection() -> None:
    async with two_phones() as (caller, called), sounding() as connection:
        calling = asyncio.create_task(caller.phone.invite("sip:bob@example.org", connection))
        (await called.ringing()).reject(486)
        with pytest.raises(CallRejected, match="486 Busy Here") as caught:
            await within(calling)
        assert caught.value.status == 486
        call, _ = await caller.call(called, connection)
        await within(connection.connected())
        await within(call.hangup())


async def test_call_whose_caller_gives_up_is_cancelled() -> None:
    async with two_phones() as (caller, called):
        calling = asyncio.create_task(caller.phone.invite("sip:bob@example.org", sounding()))
        call = await called.ringing()
        call.ring()
        calling.cancel()
        await asyncio.wait([calling])
        assert (await within(call.ended())).cause is EndCause.CANCELLED
        with pytest.raises(SipUsageError):
            await call.answer()


async def test_caller_is_told_that_it_rings() -> None:
    progress: list[int] = []
    async with two_phones() as (caller, called):
        calling = asyncio.create_task(
            caller.phone.invite(
                "sip:bob@example.org",
                sounding(),
                on_progress=lambda each: progress.append(each.status),
            )
        )
        call = await called.ringing()
        call.ring()
        await call.answer(sounding())
        await within(calling)
        assert progress == [180]


async def test_call_without_a_connection_gets_one_that_listens() -> None:
    async with two_phones() as (caller, called):
        call, _ = await caller.call(called)
        assert call.connection is not None
        await within(call.connection.connected())


async def test_seventeenth_call_that_nobody_takes_hears_busy() -> None:
    async with two_phones() as (caller, _):
        calling = [
            asyncio.create_task(caller.phone.invite(f"sip:bob{i}@example.org")) for i in range(17)
        ]
        done, waiting = await asyncio.wait(calling, timeout=30, return_when="FIRST_COMPLETED")
        assert (len(done), len(waiting)) == (1, 16)
        with pytest.raises(CallRejected, match="486"):
            done.pop().result()
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)


async def test_calls_that_are_over_leave_nothing_behind_in_either_phone() -> None:
    names = ("calls", "told", "traced", "waiting", "dialogs")
    async with two_phones() as (caller, called):

        def kept() -> list[list[int]]:
            counts = (each.phone.kept for each in (caller, called))
            return [[count[name] for name in names] for count in counts]

        before = kept()
        for _ in range(3):
            calling = asyncio.create_task(caller.phone.invite("sip:bob@example.org"))
            (await called.ringing()).reject(486)
            await asyncio.gather(calling, return_exceptions=True)
            call, other = await caller.call(called, sounding())
            await within(other.established())
            await within(call.hangup())
            await within(other.ended())
            async with caller.phone.ring("sip:bob@example.org", sounding()) as branches:
                await within((await called.ringing()).early(sounding()))
                await within(anext(branches))
        await until(lambda: kept() == before)


@pytest.mark.parametrize("target", ["bob", "", "http://example.org"])
async def test_target_that_is_no_uri_is_refused(target: str) -> None:
    async with two_phones() as (caller, _):
        with pytest.raises(SipUsageError, match="no URI to call"):
            await caller.phone.invite(target)
        with pytest.raises(SipUsageError, match="no URI to call"):
            caller.phone.ring(target, sounding())


async def test_call_with_a_header_that_cannot_be_written_is_kept_nowhere() -> None:
    async with two_phones() as (caller, _):
        with pytest.raises(SipUsageError, match="Subject"):
            await caller.phone.invite("sip:bob@example.org", headers={"Subject": "a\r\nb"})
        assert caller.phone.kept["traced"] == 0


async def test_handler_of_call_is_given_calls_that_wait() -> None:
    taken: list[str] = []
    async with two_phones() as (caller, called):
        answered = asyncio.Event()

        async def take(call: object) -> None:
            taken.append(type(call).__name__)
            answered.set()

        calling = asyncio.create_task(caller.phone.invite("sip:bob@example.org"))
        await asyncio.sleep(0.05)
        called.phone.on("call", take)
        await within(answered.wait())
        calling.cancel()
        await asyncio.wait([calling])
    assert taken == ["Call"]
