"""Awaitables of a connection that are cancelled at any of their turns, and called again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from signaling import channel_pair
from tests.support.clock.cancelling import TURNS, cancelled_at
from tests.support.negotiation.connection_state import nothing_left
from tests.support.negotiation.connections import (
    both_connected,
    connect,
    connected_pair,
    expected,
    local,
    opened,
    pair,
    says,
    within,
)
from tests.support.negotiation.negotiating import call, negotiating

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


async def _again(turn: int, work: Callable[[], Coroutine[None, None, object]]) -> None:
    """Cancel it at that turn, then run it to its end where it was cancelled."""
    if await cancelled_at(turn, work()):
        await within(work())


@pytest.mark.parametrize("turn", TURNS)
async def test_every_step_of_an_exchange_may_be_cancelled_at_any_turn_and_done_again(
    turn: int,
) -> None:
    async with nothing_left(), pair() as (left, right):
        coming = expected(right, "datachannel")
        left.addTransceiver("audio")
        channel = left.createDataChannel("chat")
        await _again(turn, left.createOffer)
        await _again(turn, left.setLocalDescription)
        await _again(turn, left.gathering_complete)
        await _again(turn, lambda: right.setRemoteDescription(local(left)))
        await _again(turn, right.createAnswer)
        await _again(turn, right.setLocalDescription)
        await _again(turn, right.gathering_complete)
        await _again(turn, lambda: left.setRemoteDescription(local(right)))
        await _again(turn, lambda: left.addIceCandidate(None))
        await _again(turn, left.connected)
        await _again(turn, left.getStats)
        await both_connected(left, right)
        await opened(channel)
        await says(channel, "hello", (await within(coming)).channel)
        await _again(turn, left.getTransceivers()[0].stop)
        await connect(left, right)
        await _again(turn, left.close)
        await _again(turn, right.close)


@pytest.mark.parametrize("turn", TURNS)
async def test_a_rekey_that_is_cancelled_at_any_turn_is_joined_when_asked_again(turn: int) -> None:
    async with call() as (left, right):
        await cancelled_at(turn, left.rekey())
        result = await within(left.rekey())
        assert result.changed
        await both_connected(left, right)


@pytest.mark.parametrize("turn", TURNS)
async def test_a_close_at_any_turn_of_a_negotiation_leaves_nothing(turn: int) -> None:
    async with nothing_left(), negotiating(*channel_pair()) as (left, right):
        left.pc.createDataChannel("chat")
        for _ in range(turn):
            await asyncio.sleep(0)
        await _again(turn, left.pc.close)
        await _again(turn, right.pc.close)


@pytest.mark.parametrize("turn", TURNS)
async def test_a_close_of_an_open_call_may_be_cancelled_at_any_turn(turn: int) -> None:
    async with nothing_left(), connected_pair() as (left, right, _):
        await _again(turn, left.close)
        await _again(turn, right.close)
