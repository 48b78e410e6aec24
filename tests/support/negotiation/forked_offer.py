"""One offer that several connections answer, each over a captured wire of its own."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from peer import PeerConnection
from tests.support.captures.wire import Wire, wire
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import (
    both_connected,
    expected,
    gathered,
    loopback,
    opened,
    says,
    within,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import PeerConfiguration, SessionDescription

#: Pitch in Hz of the offerer's tone; that of an answerer is higher by its number and one.
OURS = 440
STEP = 120


@dataclass
class Answerer:
    """A connection that the offer has reached, and the wire between the two.

    Args:
        number: Its place among the answerers.
        answer: Its answer, as the offerer is to see it.
        track: The event of the offerer's tone.
        channel: The event of the offerer's channel.
    """

    number: int
    pc: PeerConnection
    wire: Wire
    answer: SessionDescription
    track: asyncio.Future[Any]
    channel: asyncio.Future[Any]

    @property
    def pitch(self) -> int:
        """Pitch of its tone in Hz."""
        return OURS + STEP * (self.number + 1)

    async def begun(self) -> None:
        """Wait until its handshake is complete, which needs no answer at the offerer."""
        await within(self.pc.connected())

    async def speaks_with(self, ours: PeerConnection) -> None:
        """Check that sound and messages go both ways between it and a connection of the offerer."""
        await both_connected(ours, self.pc)
        (sound,) = ours.getReceivers()
        await hears(sound.track, self.pitch)
        await hears((await within(self.track)).track, OURS)
        await self.writes_with(ours)

    async def writes_with(self, ours: PeerConnection) -> None:
        """Check that messages go both ways."""
        (mine,) = ours.inherited_channels
        await opened(mine)
        other = (await within(self.channel)).channel
        await says(mine, f"to {self.number}", other)
        await says(other, f"from {self.number}", mine)


@dataclass
class ForkedOffer:
    """The connection that has made the offer, and those that it has reached.

    Args:
        pc: The one that has made it.
        answerers: The others, in order.
        stack: What closes all of them, and their forks before them.
    """

    pc: PeerConnection
    answerers: list[Answerer]
    stack: AsyncExitStack

    async def fork(
        self, answerer: Answerer, answer: SessionDescription | None = None
    ) -> PeerConnection:
        """Make a fork by the answer of one of them, or by another one; it is closed in the end."""
        return await self.stack.enter_async_context(await self.pc.fork(answer or answerer.answer))


@asynccontextmanager
async def forked_offer(
    count: int,
    ours: PeerConfiguration | None = None,
    theirs: PeerConfiguration | None = None,
    *,
    sound: bool = True,
) -> AsyncIterator[ForkedOffer]:
    """An offer of a tone and a data channel, with the answers of several connections to it.

    Args:
        count: How many answer.
        ours: Configuration of the offerer; one transport for everything by default.
        theirs: Configuration of those that answer.
        sound: Whether there are tones.
    """
    async with AsyncExitStack() as stack:
        configuration = ours or loopback(bundlePolicy="max-bundle")
        pc = await stack.enter_async_context(PeerConnection(configuration))
        if sound:
            pc.addTrack(ToneTrack(OURS))
        pc.createDataChannel("chat")
        offer = await gathered(pc)
        made = ForkedOffer(pc, [], stack)
        for number in range(count):
            line = await stack.enter_async_context(wire())
            other = await stack.enter_async_context(PeerConnection(theirs or loopback()))
            track, channel = expected(other, "track"), expected(other, "datachannel")
            await other.setRemoteDescription(await line.offer(offer))
            if sound:
                other.addTrack(ToneTrack(OURS + STEP * (number + 1)))
            answer = line.answer(await gathered(other))
            made.answerers.append(Answerer(number, other, line, answer, track, channel))
        yield made
