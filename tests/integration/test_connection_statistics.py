"""Statistics of a connection, its data channels and one track (W3C webrtc-stats)."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import pytest

from media import SyntheticAudioTrack, SyntheticVideoTrack
from peer import InvalidAccessError, PeerConnection
from peer.rtp.inbound.stats import InboundRtpStats, RemoteOutboundRtpStats
from peer.rtp.outbound.stats import OutboundRtpStats
from peer.runtime.channel_statistics import DataChannelStats, PeerConnectionStats
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import connect, expected, pair, until, within

Entry = TypeVar("Entry")


async def counts(pc: PeerConnection) -> PeerConnectionStats:
    (found,) = [e for e in (await pc.getStats()).values() if isinstance(e, PeerConnectionStats)]
    return found


async def channels(pc: PeerConnection) -> list[DataChannelStats]:
    return [e for e in (await pc.getStats()).values() if isinstance(e, DataChannelStats)]


async def first(pc: PeerConnection, kind: type[Entry]) -> Entry:
    """Wait until the statistics have an entry of a kind: no event tells of it."""
    async with asyncio.timeout(DEADLINE):
        while True:
            for entry in (await pc.getStats()).values():
                if isinstance(entry, kind):
                    return entry
            await asyncio.sleep(0.05)


async def test_statistics_count_the_channels_and_their_messages() -> None:
    async with pair() as (left, right):
        assert (await counts(left)).dataChannelsOpened == 0
        ours = left.createDataChannel("chat", protocol="text")
        theirs = expected(right, "datachannel")
        opened = expected(ours, "open")
        await connect(left, right)
        channel = (await within(theirs)).channel
        await within(opened)
        heard = expected(channel, "message")
        ours.send("grün")
        assert await within(heard) == "grün"

        (sent,), (received,) = await channels(left), await channels(right)
        assert (sent.label, sent.protocol, sent.state) == ("chat", "text", "open")
        assert sent.dataChannelIdentifier == channel.id
        assert (sent.messagesSent, sent.bytesSent, sent.messagesReceived) == (1, 5, 0)
        assert (received.messagesReceived, received.bytesReceived) == (1, 5)

        closed = expected(channel, "close")
        ours.close()
        await within(closed)
        await until(lambda: ours.readyState == "closed")
        found = [await counts(each) for each in (left, right)]
        assert [(e.dataChannelsOpened, e.dataChannelsClosed) for e in found] == [(1, 1), (1, 1)]
        assert await channels(left) == []


async def test_statistics_of_a_track_are_those_of_its_stream_and_what_it_refers_to() -> None:
    async with pair() as (left, right):
        audio, video = SyntheticAudioTrack(), SyntheticVideoTrack(width=96, height=64)
        left.addTrack(audio)
        left.addTrack(video)
        await connect(left, right)
        await first(left, OutboundRtpStats)

        found = (await left.getStats(audio)).values()
        assert {e.kind for e in found if isinstance(e, OutboundRtpStats)} == {"audio"}
        assert {e.type for e in found} >= {"outbound-rtp", "codec", "transport", "candidate-pair"}
        (stream,) = [e for e in found if isinstance(e, OutboundRtpStats)]
        assert stream.transportId in await left.getStats(audio)


async def test_sender_reports_and_received_streams_name_each_other() -> None:
    async with pair() as (left, right):
        left.addTrack(SyntheticAudioTrack())
        await connect(left, right)
        report = await first(right, RemoteOutboundRtpStats)

        every = await right.getStats()
        stream = every[report.localId]
        assert isinstance(stream, InboundRtpStats)
        assert stream.remoteId == report.id


async def test_statistics_of_a_track_that_is_not_there_or_there_twice_are_refused() -> None:
    async with pair() as (left, _):
        track = SyntheticAudioTrack()
        with pytest.raises(InvalidAccessError, match="0 senders and receivers"):
            await left.getStats(track)
        left.addTransceiver(track)
        left.addTransceiver(track)
        with pytest.raises(InvalidAccessError, match="2 senders and receivers"):
            await left.getStats(track)
