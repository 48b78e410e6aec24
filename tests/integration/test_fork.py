"""Several answers to one offer, each with a connection of its own (RFC 5763 section 6.3)."""

from __future__ import annotations

from contextlib import AsyncExitStack

from peer import PeerConnection
from tests.support.negotiation.connection_state import nothing_left
from tests.support.negotiation.connections import (
    both_connected,
    expected,
    local,
    loopback,
    opened,
    says,
    within,
)


async def test_three_answers_to_one_offer_make_three_connections() -> None:
    async with nothing_left(), AsyncExitStack() as stack:
        pc = await stack.enter_async_context(PeerConnection(loopback()))
        pc.createDataChannel("chat")
        await pc.setLocalDescription()
        for _ in range(3):
            theirs = await stack.enter_async_context(PeerConnection(loopback()))
            await theirs.setRemoteDescription(local(pc))
            coming = expected(theirs, "datachannel")
            await theirs.setLocalDescription()
            fork = await stack.enter_async_context(await pc.fork(local(theirs)))
            await both_connected(fork, theirs)
            (channel,) = fork.inherited_channels
            other = (await within(coming)).channel
            await opened(channel)
            await says(channel, "to them", other)
            await says(other, "to us", channel)
        assert pc.signalingState == "have-local-offer"
