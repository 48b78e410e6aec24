"""Connections whose signalling came back: new Negotiators take over what the former ones left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import pytest

from peer.transport.ice import transport as ice_transport
from peer.transport.ice.timing import IceTiming
from signaling import Answer, Channel, Offer, channel_pair
from tests.support.clock.deadline import DEADLINE
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.udp_relay import RelayedChannel, udp_relay
from tests.support.negotiation.connections import (
    both_connected,
    expected,
    opened,
    pair,
    reached,
    says,
    until,
    within,
)
from tests.support.negotiation.negotiating import End, Tap

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import PeerConnection
    from signaling import PeerMessage

Loses = Callable[["PeerMessage"], bool]

#: Timing under which ICE notices silence within a second.
FAST = IceTiming(
    connect_timeout=2.0,
    consent_interval=0.1,
    consent_grace=0.1,
    silence=0.3,
    consent_expiry=0.8,
)


class LossyChannel(Channel):
    """A channel that says it has sent some messages, and has not."""

    def __init__(self, channel: Channel, loses: Loses) -> None:
        self.lost: list[PeerMessage] = []
        self._channel = channel
        self._loses = loses

    async def send(self, message: PeerMessage) -> None:
        if self.lost or self._loses(message):
            self.lost.append(message)
        else:
            await self._channel.send(message)

    async def receive(self) -> PeerMessage:
        return await self._channel.receive()

    async def close(self, reason: str = "") -> None:
        await self._channel.close(reason)


@contextlib.asynccontextmanager
async def negotiators(
    left: PeerConnection,
    right: PeerConnection,
    loses: Loses = lambda _: False,
    *,
    polite_left: bool = True,
) -> AsyncIterator[tuple[LossyChannel, LossyChannel]]:
    """Negotiators of two connections over a new channel, until its end."""
    first, second = (LossyChannel(each, loses) for each in channel_pair())
    ends = (
        End(left, Tap(first), polite=polite_left),
        End(right, Tap(second), polite=not polite_left),
    )
    running = [asyncio.create_task(end.run()) for end in ends]
    yield first, second
    await first.close()
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(*running)
    assert [end.errors for end in ends] == [[], []]


def any_answer(message: PeerMessage) -> bool:
    return isinstance(message, Answer)


def any_offer(message: PeerMessage) -> bool:
    return isinstance(message, Offer)


def is_failed(pc: PeerConnection) -> bool:
    return pc.connectionState == "failed"


@pytest.mark.parametrize("polite_left", [True, False])
@pytest.mark.parametrize("loses", [any_offer, any_answer])
async def test_a_call_whose_channel_broke_at_its_first_exchange_comes_about_over_the_next(
    loses: Loses, polite_left: bool
) -> None:
    async with pair() as (left, right):
        coming = expected(right, "datachannel")
        channel = left.createDataChannel("chat")
        async with negotiators(left, right, loses, polite_left=polite_left) as (first, second):
            await until(lambda: bool(first.lost or second.lost))
        async with negotiators(left, right, polite_left=polite_left):
            await both_connected(left, right)
            await opened(channel)
            await says(channel, "hello", (await within(coming)).channel)


@pytest.mark.parametrize("polite_left", [True, False])
@pytest.mark.parametrize("loses", [any_offer, any_answer])
async def test_a_change_whose_messages_were_lost_is_agreed_on_over_the_next_channel(
    loses: Loses, polite_left: bool
) -> None:
    async with pair() as (left, right):
        left.createDataChannel("chat")
        async with negotiators(left, right):
            await both_connected(left, right)
        async with negotiators(left, right, loses, polite_left=polite_left) as (first, second):
            left.addTransceiver("audio")
            left.restartIce()
            await until(lambda: bool(first.lost or second.lost))
            # Another need, of which the negotiator to come hears too.
            left.addTransceiver("video")
        async with negotiators(left, right, polite_left=polite_left):
            await reached(
                left,
                "signalingstatechange",
                lambda: (
                    [each.currentDirection for each in left.getTransceivers()]
                    == ["sendonly", "sendonly"]
                ),
            )
            assert len(right.getTransceivers()) == 2
            await both_connected(left, right)


@pytest.mark.parametrize("polite_left", [True, False])
async def test_a_need_that_a_former_negotiator_heard_of_is_offered_by_the_next(
    polite_left: bool,
) -> None:
    async with pair() as (left, right):
        left.createDataChannel("chat")
        async with negotiators(left, right):
            await both_connected(left, right)
        heard = []
        left.on("negotiationneeded", lambda: heard.append(True))
        async with negotiators(left, right, polite_left=polite_left) as (first, _):
            left.addTransceiver("audio")
            # Announced, and not yet offered when the channel ends.
            await asyncio.sleep(0)
            await first.close()
        assert heard
        async with negotiators(left, right, polite_left=polite_left):
            await until(lambda: len(right.getTransceivers()) == 1)


async def test_both_ends_that_offered_at_once_agree_over_the_next_channel() -> None:
    async with pair() as (left, right):
        left.addTransceiver("audio")
        right.addTransceiver("video")
        async with negotiators(left, right, any_offer) as (first, second):
            await until(lambda: bool(first.lost and second.lost))
        async with negotiators(left, right):
            await both_connected(left, right)
            await until(lambda: len(left.getTransceivers()) == len(right.getTransceivers()) == 2)


@pytest.mark.parametrize("polite_left", [True, False])
@in_virtual_time
async def test_ice_that_failed_at_both_ends_is_restarted_by_the_negotiators(
    monkeypatch: pytest.MonkeyPatch, polite_left: bool
) -> None:
    monkeypatch.setattr(ice_transport, "IceTiming", lambda: FAST)
    with udp_relay() as relay:
        channels = [Tap(RelayedChannel(each, relay)) for each in channel_pair()]
        async with pair() as (left, right):
            ends = (
                End(left, channels[0], polite=polite_left),
                End(right, channels[1], polite=not polite_left),
            )
            running = [asyncio.create_task(end.run()) for end in ends]
            coming = expected(right, "datachannel")
            channel = left.createDataChannel("chat")
            await both_connected(left, right)
            await opened(channel)
            other = (await within(coming)).channel
            # As a suspended machine: nothing comes, and nothing goes.
            relay.passes = lambda _: False
            for end in (left, right):
                await reached(end, "connectionstatechange", partial(is_failed, end))
            relay.passes = lambda _: True
            await reached(
                left, "connectionstatechange", lambda: left.connectionState == "connected"
            )
            await both_connected(left, right)
            await says(channel, "here again", other)
            # Both had noticed, and the impolite one alone made offers.
            polite, impolite = ends if polite_left else ends[::-1]
            assert impolite.count(Offer) >= 1
            assert polite.count(Offer) == (1 if polite_left else 0)
            await channels[0].close()
            await asyncio.gather(*running)
