"""Not one packet is lost or doubled while keys and paths change (RFC 5763 sections 6.6 to 6.8)."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.links.packet_load import add_load, flowing, settled
from tests.support.links.udp_relay import udp_relay
from tests.support.negotiation.connections import expected, happened, until, within
from tests.support.negotiation.negotiating import call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import PeerConnection
    from tests.support.links.udp_relay import UdpRelay

#: `CHANGES=100 MESSAGES=100000` runs as many as docs/REKEY.md speaks of.
CHANGES = int(os.environ.get("CHANGES", "12"))
#: Packets a second, each way.
RATE = 1000
MESSAGES = int(os.environ.get("MESSAGES", "3000"))
#: Bytes; SCTP takes the longer for each message the more of them wait.
BUFFER = 2_000


@asynccontextmanager
async def loaded(
    relay: UdpRelay | None = None,
) -> AsyncIterator[tuple[PeerConnection, PeerConnection]]:
    if relay is not None:
        # Packets are counted, and one that is sent again would count twice.
        relay.repairs = False
    async with call(relay=relay) as (left, right):
        await add_load(left, right, per_second=RATE)
        await flowing(left, right, 100)
        await flowing(right, left, 100)
        yield left, right


async def rekeyed(
    number: int, left: PeerConnection, right: PeerConnection, *, keep_path: bool = False
) -> None:
    """By one side, by the other, by both at once."""
    askers = ((left,), (right,), (left, right))[number % 3]
    rekeying = (asker.rekey(keep_path=keep_path) for asker in askers)
    results = await within(asyncio.gather(*rekeying))
    told = [(result.changed, result.ice_restarted) for result in results]
    assert told == [(True, not keep_path)] * len(askers), results


async def restarted(number: int, left: PeerConnection, right: PeerConnection) -> None:
    """ICE, by one side or the other."""
    asker, other = (left, right) if number % 2 else (right, left)
    before = _generation(asker)
    others = _generation(other)
    asker.restartIce()
    await until(lambda: _generation(asker) != before and _generation(other) != others)


def _generation(pc: PeerConnection) -> tuple[object, ...]:
    (transport,) = pc.security.transports
    assert transport.selected_pair is not None
    return tuple(candidate.port for candidate in transport.selected_pair)


@pytest.mark.conformance("6.8-rekey", "6.6-new")
@pytest.mark.parametrize("keep_path", [False, True])
@pytest.mark.parametrize("loss", [0.0, 0.05])
async def test_rekeys_lose_nothing(loss: float, keep_path: bool) -> None:
    with udp_relay(seed=7) as relay:
        async with loaded(relay) as (left, right):
            relay.loss = loss
            for number in range(CHANGES):
                await rekeyed(number, left, right, keep_path=keep_path)
                await flowing(left, right, 50)
            relay.loss = 0.0
            await _accounts_agree(relay, left, right)


@pytest.mark.conformance("6.7.1-restart")
@pytest.mark.parametrize("loss", [0.0, 0.05])
async def test_ice_restarts_lose_nothing(loss: float) -> None:
    with udp_relay(seed=8) as relay:
        async with loaded(relay) as (left, right):
            relay.loss = loss
            before = left.security.transports[0].remote_fingerprint
            for number in range(CHANGES):
                await restarted(number, left, right)
                await flowing(left, right, 50)
            relay.loss = 0.0
            await _accounts_agree(relay, left, right)
            assert left.security.transports[0].remote_fingerprint == before


async def _accounts_agree(relay: UdpRelay, left: PeerConnection, right: PeerConnection) -> None:
    for sender, receiver in ((left, right), (right, left)):
        ssrcs = [transceiver.sender.ssrc for transceiver in sender.getTransceivers()]
        missing = sum(relay.lost_rtp.get(ssrc, 0) for ssrc in ssrcs)
        result = await settled(sender, receiver, missing=missing)
        assert result.sent > CHANGES * 25
        # Neither more nor less than what the relay has let through.
        assert (result.received, result.lost) == (result.sent - missing, missing)


@pytest.mark.conformance("6.8-rekey")
async def test_data_channel_messages_arrive_once_and_in_order_through_changes() -> None:
    async with call() as (left, right):
        coming = expected(right, "datachannel")
        channel = left.createDataChannel("numbers")
        other = (await within(coming)).channel
        channel.bufferedAmountLowThreshold = BUFFER // 2
        received: list[int] = []
        other.on("message", lambda message: received.append(int(message)))

        async def send() -> None:
            for number in range(MESSAGES):
                if channel.bufferedAmount > BUFFER:
                    await happened(channel, "bufferedamountlow")
                channel.send(str(number))

        sending = asyncio.ensure_future(send())
        number = 0
        while not sending.done() or number < min(CHANGES // 2, 10):
            await rekeyed(number, left, right)
            number += 1
        await within(sending)
        await until(lambda: len(received) >= MESSAGES)
        assert received == list(range(MESSAGES))
