"""Sound, picture and data between two PeerConnections, over every way of signalling."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from peer import PeerConnection
from signaling import Negotiator, channel_pair
from signaling import connect as join_room
from signaling.server import create_app
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connection_media import (
    BLUE,
    RED,
    ColourTrack,
    ToneTrack,
    hears,
    sees,
)
from tests.support.negotiation.connections import (
    connect,
    expected,
    happened,
    loopback,
    opened,
    pair,
    says,
    within,
)
from tests.support.network.asgi import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import MediaStreamTrack, TrackEvent
    from signaling import Channel


class Caller:
    """An end that shows a colour, plays a tone, and keeps the tracks that it gets."""

    def __init__(self, colour: tuple[int, int, int], pitch: float) -> None:
        self.pc = PeerConnection(loopback())
        self.tracks: dict[str, MediaStreamTrack] = {}
        self._both = asyncio.Event()
        self.pc.on("track", self._keep)
        self.pc.addTrack(ColourTrack(colour))
        self.pc.addTrack(ToneTrack(pitch))

    async def perceives(self, colour: tuple[int, int, int], pitch: float) -> None:
        """Wait until the other end is seen and heard."""
        async with asyncio.timeout(DEADLINE):
            await self._both.wait()
        await asyncio.gather(sees(self.tracks["video"], colour), hears(self.tracks["audio"], pitch))

    def _keep(self, event: TrackEvent) -> None:
        self.tracks[event.track.kind] = event.track
        if len(self.tracks) == 2:
            self._both.set()


@asynccontextmanager
async def callers() -> AsyncIterator[tuple[Caller, Caller]]:
    left, right = Caller(RED, 440), Caller(BLUE, 1000)
    async with left.pc, right.pc:
        yield left, right


async def converse(left: Caller, right: Caller) -> None:
    """Everything that flows in a call, both ways."""
    await asyncio.gather(left.perceives(BLUE, 1000), right.perceives(RED, 440))


@asynccontextmanager
async def memory_channels() -> AsyncIterator[tuple[Channel, Channel]]:
    left, right = channel_pair()
    yield left, right
    await left.close()
    await right.close()


@asynccontextmanager
async def room_channels() -> AsyncIterator[tuple[Channel, Channel]]:
    async with serve(create_app()) as address:
        url = f"{address}/ws"
        left, right = await within(
            asyncio.gather(join_room(url, room="test"), join_room(url, room="test"))
        )
        yield left, right
        await left.close()
        await right.close()


@asynccontextmanager
async def negotiated(
    left: PeerConnection, right: PeerConnection, channels: tuple[Channel, Channel]
) -> AsyncIterator[None]:
    """Both ends driven by a Negotiator each, which end without a fault when the call does."""
    runs: list[asyncio.Task[Any]] = [
        asyncio.create_task(Negotiator(pc, channel, polite=polite).run())
        for pc, channel, polite in zip((left, right), channels, (True, False), strict=True)
    ]
    yield
    await left.close()
    await right.close()
    await within(asyncio.gather(*runs))


async def test_audio_video_and_data_by_direct_calls() -> None:
    async with callers() as (left, right):
        coming = expected(right.pc, "datachannel")
        channel = left.pc.createDataChannel("chat")
        await connect(left.pc, right.pc)
        await opened(channel)
        other = (await within(coming)).channel

        await converse(left, right)
        await says(channel, "over", other)
        await says(other, "and back", channel)


@pytest.mark.parametrize("channels", [memory_channels, room_channels])
async def test_audio_video_and_data_through_a_signalling_channel(channels: Any) -> None:
    async with (
        channels() as ways,
        callers() as (left, right),
        negotiated(left.pc, right.pc, ways),
    ):
        coming = expected(right.pc, "datachannel")
        channel = left.pc.createDataChannel("chat")
        other = (await within(coming)).channel

        await converse(left, right)
        await says(channel, "over", other)
        await says(other, "and back", channel)


async def test_a_track_added_to_a_running_call_arrives() -> None:
    async with (
        memory_channels() as ways,
        pair() as (left, right),
        negotiated(left, right, ways),
    ):
        left.createDataChannel("first")
        await within(asyncio.gather(left.connected(), right.connected()))

        coming = expected(left, "track")
        right.addTrack(ColourTrack(RED))

        await sees((await within(coming)).track, RED)


async def test_two_connections_may_offer_at_once() -> None:
    async with (
        memory_channels() as ways,
        callers() as (left, right),
        negotiated(left.pc, right.pc, ways),
    ):
        await converse(left, right)
        assert len(left.pc.getTransceivers()) == len(right.pc.getTransceivers()) == 2


async def test_connection_with_audio_only() -> None:
    async with pair() as (left, right):
        coming = expected(right, "track")
        left.addTrack(ToneTrack(700))
        await connect(left, right)

        await hears((await coming).track, 700)


async def test_connection_with_data_only() -> None:
    async with pair() as (left, right):
        coming = expected(right, "datachannel")
        channel = left.createDataChannel("alone")
        await connect(left, right)

        await opened(channel)
        await says(channel, "hello", (await within(coming)).channel)


async def test_data_before_and_after_the_connection() -> None:
    async with pair() as (left, right):
        early = left.createDataChannel("early")
        await connect(left, right)
        await opened(early)

        late = right.createDataChannel("late")
        event = await happened(left, "datachannel")
        await opened(late)

        assert event.channel.label == "late"
        await says(late, "from the answerer", event.channel)


async def test_two_pictures_of_one_kind_are_told_apart() -> None:
    async with pair() as (left, right):
        tracks: list[MediaStreamTrack] = []
        right.on("track", lambda event: tracks.append(event.track))
        left.addTrack(ColourTrack(RED))
        left.addTrack(ColourTrack(BLUE))
        await connect(left, right)

        await asyncio.gather(sees(tracks[0], RED), sees(tracks[1], BLUE))
