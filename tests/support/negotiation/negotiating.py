"""Pairs of connections with running negotiators, so that either end may change anything."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from signaling import Channel, Negotiator, channel_pair
from tests.support.clock.deadline import DEADLINE
from tests.support.links.udp_relay import RelayedChannel, UdpRelay
from tests.support.negotiation.connections import both_connected, opened, pair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import PeerConfiguration, PeerConnection
    from signaling import PeerMessage


class Tap(Channel):
    """A channel that keeps what was sent over it."""

    def __init__(self, channel: Channel) -> None:
        self.sent: list[PeerMessage] = []
        self._channel = channel

    async def send(self, message: PeerMessage) -> None:
        self.sent.append(message)
        await self._channel.send(message)

    async def receive(self) -> PeerMessage:
        return await self._channel.receive()

    async def close(self, reason: str = "") -> None:
        await self._channel.close(reason)


@dataclass
class End:
    """One peer."""

    pc: PeerConnection
    channel: Tap
    polite: bool
    errors: list[Exception] = field(default_factory=list)

    async def run(self) -> None:
        negotiator = Negotiator(
            self.pc, self.channel, polite=self.polite, on_error=self.errors.append
        )
        await negotiator.run()

    def count(self, kind: type[PeerMessage]) -> int:
        return sum(isinstance(message, kind) for message in self.channel.sent)


@contextlib.asynccontextmanager
async def negotiating(
    first: Channel,
    second: Channel,
    *,
    polite_first: bool = True,
    left: PeerConfiguration | None = None,
    right: PeerConfiguration | None = None,
) -> AsyncIterator[tuple[End, End]]:
    """Two peers whose negotiators run, and end without an error when the channel is closed."""
    async with pair(left, right) as (first_pc, second_pc):
        ends = (
            End(first_pc, Tap(first), polite=polite_first),
            End(second_pc, Tap(second), polite=not polite_first),
        )
        running = [asyncio.create_task(end.run()) for end in ends]
        try:
            yield ends
        finally:
            await first.close()
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(*running)
        assert [end.errors for end in ends] == [[], []]


@contextlib.asynccontextmanager
async def call(
    left: PeerConfiguration | None = None,
    right: PeerConfiguration | None = None,
    *,
    relay: UdpRelay | None = None,
) -> AsyncIterator[tuple[PeerConnection, PeerConnection]]:
    """Two connected peers with a data channel between them, and negotiators at work.

    Args:
        relay: What their data goes over; straight from one to the other where None.
    """
    ends: list[Channel] = list(channel_pair())
    if relay is not None:
        ends = [RelayedChannel(end, relay) for end in ends]
    async with negotiating(*ends, left=left, right=right) as (one, other):
        channel = one.pc.createDataChannel("first")
        await opened(channel)
        await both_connected(one.pc, other.pc)
        yield one.pc, other.pc
