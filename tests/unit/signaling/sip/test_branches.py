"""One INVITE that forks: a call and a connection for each end that answers (RFC 5763 6.3)."""

from __future__ import annotations

import pytest

from peer import ConnectionState
from signaling.sip.call_events import CallState
from signaling.sip.errors import CallRejected, SipUsageError
from signaling.sip.session_events import EndCause
from tests.support.negotiation.connections import within
from tests.support.peers.sip_phones import TARGET, forked_phones, sounding, two_phones


@pytest.mark.conformance("6.3-forking")
async def test_each_end_that_answers_early_has_a_call_and_one_is_kept() -> None:
    async with forked_phones(3) as (caller, called):
        parent = sounding()
        async with caller.phone.ring(TARGET, parent) as branches:
            ringing = [await each.ringing() for each in called]
            for call in ringing:
                await within(call.early(sounding()))
            calls = [await within(anext(branches)) for _ in range(3)]
            for call in calls:
                assert call.state is CallState.EARLY
                assert call.connection is not None
                await within(call.connection.connected())
            assert len({call.connection for call in calls} | {parent}) == 4
            # One after the other, so that it is known which call is with whom.
            first = calls[0]
            await within(ringing[0].answer())
            await within(first.established())
            await within(branches.keep(first))
        assert parent.connectionState is ConnectionState.CLOSED
        assert first.connection is not None
        assert first.connection.connectionState is ConnectionState.CONNECTED
        for dropped in calls[1:]:
            assert dropped.state is CallState.ENDED
        assert (await within(ringing[1].ended())).cause is EndCause.REMOTE
        assert ringing[0].ending is None
        await within(first.hangup())
        assert (await within(ringing[0].ended())).cause is EndCause.REMOTE


async def test_all_ends_that_accept_can_be_kept() -> None:
    async with forked_phones(2) as (caller, called):
        async with caller.phone.ring(TARGET, sounding()) as branches:
            for each in called:
                await each.answer()
            calls = [await within(anext(branches)) for _ in called]
            await within(branches.keep(*calls))
        for call in calls:
            assert call.state is CallState.ESTABLISHED
            assert call.connection is not None
            await within(call.connection.connected())


async def test_end_that_accepts_after_two_others_were_kept_is_ended() -> None:
    async with forked_phones(3) as (caller, called):
        async with caller.phone.ring(TARGET, sounding()) as branches:
            *others, late = [await each.ringing() for each in called]
            for call in others:
                await within(call.answer(sounding()))
            calls = [await within(anext(branches)) for _ in others]
            await within(branches.keep(*calls))
        await within(late.answer(sounding()))
        assert (await within(late.ended())).cause is EndCause.REMOTE
        assert set(caller.phone.current_calls) == set(calls)
        for call in calls:
            assert call.state is CallState.ESTABLISHED


async def test_two_of_three_ends_can_be_kept_and_the_third_is_ended() -> None:
    async with forked_phones(3) as (caller, called):
        async with caller.phone.ring(TARGET, sounding()) as branches:
            for each in called:
                await each.answer()
            calls = [await within(anext(branches)) for _ in called]
            await within(branches.keep(*calls[:2]))
        assert [call.state for call in calls] == [
            CallState.ESTABLISHED,
            CallState.ESTABLISHED,
            CallState.ENDED,
        ]


async def test_ring_that_keeps_nobody_ends_every_branch() -> None:
    async with forked_phones(2) as (caller, called):
        async with caller.phone.ring(TARGET, sounding()) as branches:
            early, accepted = [await each.ringing() for each in called]
            await within(early.early(sounding()))
            await within(accepted.answer(sounding()))
            for _ in called:
                await within(anext(branches))
        for call in (early, accepted):
            assert (await within(call.ended())).cause in (EndCause.REMOTE, EndCause.CANCELLED)
        assert caller.phone.current_calls == ()


async def test_ring_that_is_refused_raises_the_reason() -> None:
    async with (
        two_phones() as (caller, called),
        caller.phone.ring(TARGET, sounding()) as branches,
    ):
        (await called.ringing()).reject(486)
        with pytest.raises(CallRejected, match="486"):
            await within(anext(branches))


async def test_call_of_another_ring_cannot_be_kept() -> None:
    async with two_phones() as (caller, called):
        other, _ = await caller.call(called)
        async with caller.phone.ring(TARGET, sounding()) as branches:
            with pytest.raises(SipUsageError, match="no branch"):
                await branches.keep(other)
