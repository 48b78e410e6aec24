"""Data channels over a lower layer that drops, doubles and delays packets, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peer.states import SctpTransportState
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.data_ends import End, next_event, open_pair
from tests.support.links.media_link import LinkEnd, Wire, media_link

if TYPE_CHECKING:
    from peer.transport.sctp.transport import DataChannel

RATE = 0.02
DELAY = 0.01
HIGH, LOW = 100_000, 20_000
# As large as what aiortc copes with: it is quadratic in the chunks on their way.
SIZE = 400


@dataclass
class RoughWire(Wire):
    """Drops, doubles and delays some packets; all take a while."""

    source: random.Random = field(default_factory=lambda: random.Random(1))

    def carry(self, packet: bytes, deliver: Callable[[bytes], None]) -> bool:
        loop = asyncio.get_running_loop()
        for _ in range(self._copies()):
            late = DELAY / 2 if self.source.random() < RATE else 0.0
            loop.call_later(DELAY + late, deliver, packet)
        return True

    def _copies(self) -> int:
        luck = self.source.random()
        return 0 if luck < RATE else 2 if luck > 1 - RATE else 1


def roughen(links: tuple[LinkEnd, LinkEnd]) -> None:
    for seed, link in enumerate(links):
        link.wire = RoughWire(source=random.Random(seed))


def numbered(count: int) -> list[str]:
    return [f"{number:0{SIZE}}" for number in range(count)]


async def send_all(channel: DataChannel, messages: list[str]) -> int:
    """As fast as the channel takes them; returns how much waited at most."""
    channel.bufferedAmountLowThreshold = LOW
    most = 0
    for message in messages:
        channel.send(message)
        most = max(most, channel.bufferedAmount)
        if channel.bufferedAmount >= HIGH:
            await next_event(channel, "bufferedamountlow")
    return most


def all_received(channel: DataChannel, count: int) -> asyncio.Future[list[str]]:
    done: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    received: list[str] = []

    def on_message(message: str | bytes) -> None:
        received.append(str(message))
        if len(received) == count:
            done.set_result(received)

    channel.on("message", on_message)
    return done


@in_virtual_time
async def test_data_channel_delivers_once_and_in_order_over_lossy_path() -> None:
    links = media_link()
    left, right = (End(link) for link in links)
    ours, theirs = await open_pair(left, right)
    roughen(links)
    messages = numbered(100_000)
    receiving = all_received(theirs, len(messages))
    most = await send_all(ours, messages)
    received = await receiving
    doubled = all_received(theirs, 1)
    await asyncio.sleep(60)

    assert received == messages
    assert not doubled.done()
    assert most < HIGH + SIZE
    for end in (left, right):
        await end.transport.close()


@in_virtual_time
async def test_data_channel_delivers_in_both_directions_over_lossy_path() -> None:
    links = media_link()
    left, right = (End(link) for link in links)
    ours, theirs = await open_pair(left, right)
    roughen(links)
    messages = numbered(3000)
    receiving = [all_received(channel, len(messages)) for channel in (ours, theirs)]
    await asyncio.gather(*(send_all(channel, messages) for channel in (ours, theirs)))

    assert [await each for each in receiving] == [messages] * 2
    for end in (left, right):
        await end.transport.close()


@in_virtual_time
async def test_data_channel_loses_nothing_to_peer_that_restarts_sctp_often() -> None:
    links = media_link()
    left, right = End(links[0]), End(links[1])
    ours, _ = await open_pair(left, right)
    roughen(links)
    messages = numbered(5000)
    lives: list[list[int]] = []
    ends = [left, right]

    def be_born() -> End:
        """The peer begins anew, with the same channel."""
        end = End(links[1])
        received: list[int] = []
        channel = end.transport.createDataChannel("chat", negotiated=True, id=ours.id)
        channel.on("message", lambda message: received.append(int(message)))
        lives.append(received)
        ends.append(end)
        end.start()
        return end

    sending = asyncio.ensure_future(send_all(ours, messages))
    for _ in range(10):
        be_born()
        await asyncio.sleep(0.7)
    await sending
    await asyncio.sleep(60)

    delivered = {number for life in lives for number in life}
    assert delivered == set(range(len(messages)))
    # Each life hears a part of them without a gap, however often another has next_event it.
    assert all(life == list(range(life[0], life[0] + len(life))) for life in lives if life)
    assert len([life for life in lives if life]) > 1
    assert left.transport.state is SctpTransportState.CONNECTED
    for end in ends:
        await end.transport.close()
