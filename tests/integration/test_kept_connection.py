"""A connection that is kept while its peer goes, and another comes into its place, as pages do."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from peer import PeerConnection
from signaling import channel_pair
from tests.support.negotiation.connection_media import ToneTrack
from tests.support.negotiation.connection_state import nothing_left
from tests.support.negotiation.connections import (
    both_connected,
    connect,
    exchange,
    expected,
    local,
    loopback,
    opened,
    reached,
    says,
    until,
    within,
)
from tests.support.negotiation.negotiating import End, Tap

if TYPE_CHECKING:
    from peer import DataChannel, DataChannelEvent

RELOADS = 20


def echoing(kept: PeerConnection) -> list[DataChannel]:
    """Let a connection send back what comes, and keep the channels of its peers."""
    channels: list[DataChannel] = []

    def echo(event: DataChannelEvent) -> None:
        channels.append(event.channel)
        event.channel.on("message", event.channel.send)

    kept.on("datachannel", echo)
    return channels


def is_closed(channel: DataChannel) -> bool:
    return channel.readyState == "closed"


async def echoes(channel: DataChannel) -> None:
    """Wait until a channel is open and gives a message back."""
    await opened(channel)
    await says(channel, "hello", channel)


async def test_a_kept_connection_serves_a_page_that_reloads_twenty_times() -> None:
    async with nothing_left(), PeerConnection(loopback()) as kept:
        channels = echoing(kept)
        for load in range(1, RELOADS + 1):
            async with PeerConnection(loopback()) as page:
                theirs = expected(page, "datachannel")
                page.addTrack(ToneTrack(440))
                channel = page.createDataChannel("chat")
                await connect(page, kept)
                await echoes(channel)
                ours = kept.createDataChannel("from the kept one")
                await opened(ours)
                await says(ours, "hello", (await within(theirs)).channel)
                # Sound comes as well.
                await within(kept.getReceivers()[0].track.recv())
                assert len(channels) == load
                assert [each.readyState for each in channels[:-1]] == ["closed"] * (load - 1)
            await reached(
                kept, "connectionstatechange", lambda: kept.connectionState == "disconnected"
            )
            await until(partial(is_closed, ours))
        assert len(kept.getTransceivers()) == 1


async def test_a_kept_connection_serves_a_page_that_comes_without_a_goodbye() -> None:
    async with PeerConnection(loopback()) as kept:
        channels = echoing(kept)
        pages: list[PeerConnection] = []
        former: list[DataChannel] = []
        for load in range(1, 6):
            page = PeerConnection(loopback())
            pages.append(page)
            channel = page.createDataChannel("chat")
            await exchange(page, kept)
            await echoes(channel)
            # Those of the page before ended with it, as the peer is another one.
            assert [each.readyState for each in former] == ["closed"] * len(former)
            assert [each.readyState for each in channels] == ["closed"] * (load - 1) + ["open"]
            former.append(kept.createDataChannel("from the kept one"))
            await opened(former[-1])
        await asyncio.gather(*(page.close() for page in pages))


async def test_a_channel_that_is_made_while_no_page_is_there_opens_with_the_next_page() -> None:
    async with PeerConnection(loopback()) as kept:
        async with PeerConnection(loopback()) as page:
            channel = page.createDataChannel("chat")
            await connect(page, kept)
            await opened(channel)
        await reached(kept, "connectionstatechange", lambda: kept.connectionState == "disconnected")
        waiting = kept.createDataChannel("waiting")
        also = kept.createDataChannel("by number", negotiated=True, id=7)
        assert waiting.readyState == also.readyState == "connecting"
        async with PeerConnection(loopback()) as page:
            coming = expected(page, "datachannel")
            page.createDataChannel("chat")
            await connect(page, kept)
            await opened(waiting)
            await opened(also)
            await says(waiting, "hello", (await within(coming)).channel)


async def test_a_page_that_reloads_finds_its_channels_by_number_again() -> None:
    async with PeerConnection(loopback()) as kept:
        for _ in range(3):
            ours = kept.createDataChannel("numbered", negotiated=True, id=3)
            async with PeerConnection(loopback()) as page:
                theirs = page.createDataChannel("numbered", negotiated=True, id=3)
                await connect(page, kept)
                await opened(ours)
                await opened(theirs)
                await says(ours, "there", theirs)
                await says(theirs, "and back", ours)
            await until(partial(is_closed, ours))


@pytest.mark.parametrize("goodbye", [True, False])
@pytest.mark.parametrize("polite", [True, False])
async def test_negotiators_of_a_kept_connection_serve_pages_that_reload(
    polite: bool, goodbye: bool
) -> None:
    async with PeerConnection(loopback()) as kept:
        echoing(kept)
        forgotten = []
        for _ in range(4):
            ours, theirs = channel_pair()
            page = PeerConnection(loopback())
            ends = (End(kept, Tap(ours), polite=polite), End(page, Tap(theirs), polite=not polite))
            running = [asyncio.create_task(end.run()) for end in ends]
            channel = page.createDataChannel("chat")
            await both_connected(page, kept)
            await echoes(channel)
            # The channel of the signalling goes with the page.
            if goodbye:
                await page.close()
            else:
                forgotten.append(page)
            await ours.close()
            await asyncio.gather(*running)
            assert [end.errors for end in ends] == [[], []]
        await asyncio.gather(*(page.close() for page in forgotten))


async def test_a_rekey_keeps_the_channels_although_its_association_is_new() -> None:
    async with PeerConnection(loopback()) as left, PeerConnection(loopback()) as right:
        channel = left.createDataChannel("chat")
        echoing(right)
        await connect(left, right)
        await echoes(channel)
        asked = asyncio.create_task(left.rekey())
        await asyncio.sleep(0)
        await exchange(left, right)
        assert (await within(asked)).changed
        await echoes(channel)
        assert "tls-id" in local(left).sdp


@pytest.mark.parametrize("polite", [True, False])
async def test_a_restart_that_the_former_page_never_answered_is_no_obstacle_to_the_next(
    polite: bool,
) -> None:
    async with PeerConnection(loopback()) as kept:
        echoing(kept)
        for _ in range(3):
            ours, theirs = channel_pair()
            page = PeerConnection(loopback())
            ends = (End(kept, Tap(ours), polite=polite), End(page, Tap(theirs), polite=not polite))
            page.addTransceiver("audio")
            channel = page.createDataChannel("chat")
            running = [asyncio.create_task(end.run()) for end in ends]
            await both_connected(page, kept)
            await echoes(channel)
            await reached(kept, "signalingstatechange", lambda: kept.signalingState == "stable")
            # The page goes, and the kept one has no answer to what it makes of that.
            await page.close()
            kept.restartIce()
            await reached(
                kept, "signalingstatechange", lambda: kept.signalingState == "have-local-offer"
            )
            await ours.close()
            await asyncio.gather(*running)
            assert [end.errors for end in ends] == [[], []]
