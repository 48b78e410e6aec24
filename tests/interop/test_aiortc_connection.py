"""A call with the RTCPeerConnection of plain aiortc, which offers or answers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from peer import BundlePolicy, PeerConnection, SdpType, SessionDescription
from tests.support.negotiation.connection_media import (
    BLUE,
    RED,
    ColourTrack,
    ToneTrack,
    hears,
    sees,
)
from tests.support.negotiation.connections import (
    both_connected,
    expected,
    local,
    loopback,
    opened,
    says,
    within,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import DataChannel, MediaStreamTrack

WAYS = pytest.mark.parametrize("we_offer", [True, False], ids=["we offer", "we answer"])


class Aiortc:
    """aiortc's end, and the tracks and channels that come to it."""

    def __init__(self) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.tracks: dict[str, MediaStreamTrack] = {}
        self.channels: list[DataChannel] = []
        self.pc.on("track", self._keep)
        self.pc.on("datachannel", self.channels.append)

    def _keep(self, track: MediaStreamTrack) -> None:
        self.tracks[track.kind] = track

    @property
    def description(self) -> SessionDescription:
        described = self.pc.localDescription
        return SessionDescription(described.sdp, SdpType(described.type))


@asynccontextmanager
async def ends(**options: Any) -> AsyncIterator[tuple[PeerConnection, Aiortc]]:
    theirs = Aiortc()
    # It leaves the loopback out when it gathers.
    async with PeerConnection(loopback(interfaces=None, **options)) as ours:
        try:
            yield ours, theirs
        finally:
            await theirs.pc.close()


async def exchange(ours: PeerConnection, theirs: Aiortc, *, we_offer: bool) -> None:
    """One offer and answer."""
    if we_offer:
        await ours.setLocalDescription()
        await within(ours.gathering_complete())
        await theirs.pc.setRemoteDescription(_to_aiortc(ours))
        await theirs.pc.setLocalDescription(await theirs.pc.createAnswer())
        await ours.setRemoteDescription(theirs.description)
    else:
        await theirs.pc.setLocalDescription(await theirs.pc.createOffer())
        await ours.setRemoteDescription(theirs.description)
        await ours.setLocalDescription()
        await within(ours.gathering_complete())
        await theirs.pc.setRemoteDescription(_to_aiortc(ours))


def _to_aiortc(ours: PeerConnection) -> RTCSessionDescription:
    description = local(ours)
    return RTCSessionDescription(sdp=description.sdp, type=description.type)


@WAYS
async def test_aiortc_connection_with_audio_video_and_data(we_offer: bool) -> None:
    async with ends() as (ours, theirs):
        tracks: dict[str, MediaStreamTrack] = {}
        ours.on("track", lambda event: tracks.update({event.track.kind: event.track}))
        ours.addTrack(ToneTrack(440))
        ours.addTrack(ColourTrack(RED))
        theirs.pc.addTrack(ToneTrack(1000))
        theirs.pc.addTrack(ColourTrack(BLUE))
        opener, other = (ours, theirs.pc) if we_offer else (theirs.pc, ours)
        coming = expected(other, "datachannel")
        channel = opener.createDataChannel("chat")

        await exchange(ours, theirs, we_offer=we_offer)
        await both_connected(ours)
        await opened(channel)
        event = await within(coming)
        arrived = event.channel if other is ours else event

        await asyncio.gather(
            hears(tracks["audio"], 1000),
            sees(tracks["video"], BLUE),
            hears(theirs.tracks["audio"], 440),
            sees(theirs.tracks["video"], RED),
        )
        await says(channel, "over", arrived)
        await says(arrived, "and back", channel)


@WAYS
@pytest.mark.parametrize("policy", list(BundlePolicy))
async def test_aiortc_connection_with_data_only_under_each_bundle_policy(
    we_offer: bool, policy: BundlePolicy
) -> None:
    async with ends(bundlePolicy=policy) as (ours, theirs):
        opener: Any = ours if we_offer else theirs.pc
        channel = opener.createDataChannel("alone")
        await exchange(ours, theirs, we_offer=we_offer)

        await both_connected(ours)
        await opened(channel)


async def test_aiortc_connects_where_we_answer_passively() -> None:
    async with ends(answer_role="passive") as (ours, theirs):
        channel = theirs.pc.createDataChannel("x")
        await exchange(ours, theirs, we_offer=False)
        await both_connected(ours)
        await opened(channel)

        assert "a=setup:passive" in local(ours).sdp


async def test_a_picture_of_each_codec_arrives() -> None:
    for codec in ("video/VP8", "video/H264"):
        async with ends() as (ours, theirs):
            ours.addTrack(ColourTrack(RED))
            ours.getTransceivers()[0].setCodecPreferences([codec])
            await exchange(ours, theirs, we_offer=True)
            await sees(theirs.tracks["video"], RED)


@WAYS
async def test_a_track_is_added_to_a_running_call(we_offer: bool) -> None:
    async with ends() as (ours, theirs):
        theirs.pc.createDataChannel("x")
        await exchange(ours, theirs, we_offer=False)
        await both_connected(ours)

        coming = expected(ours, "track")
        (ours if we_offer else theirs.pc).addTrack(ColourTrack(RED))
        await exchange(ours, theirs, we_offer=we_offer)

        track = theirs.tracks["video"] if we_offer else (await within(coming)).track
        await sees(track, RED)


@WAYS
async def test_close_by_either_end_ends_a_connection_with_aiortc(we_offer: bool) -> None:
    async with ends() as (ours, theirs):
        channel = theirs.pc.createDataChannel("x")
        await exchange(ours, theirs, we_offer=False)
        await both_connected(ours)
        await opened(channel)
        if we_offer:
            ending = expected(channel, "close")
            await ours.close()
            await within(ending)
        else:
            leaving = expected(ours, "connectionstatechange")
            await theirs.pc.close()
            await within(leaving)
            assert ours.connectionState == "disconnected"


async def test_unknown_codec_is_refused_with_its_m_section_only() -> None:
    async with ends() as (ours, theirs):
        theirs.pc.addTrack(ColourTrack(RED))
        theirs.pc.createDataChannel("x")
        await theirs.pc.setLocalDescription(await theirs.pc.createOffer())
        unknown = theirs.description.sdp.replace("VP8", "AV9").replace("H264", "H269")
        await ours.setRemoteDescription(SessionDescription(unknown, SdpType.OFFER))
        await ours.setLocalDescription()

        first, second = local(ours).sdp.split("m=")[1:]
        assert first.startswith("video 0 ")
        assert not second.startswith("application 0 ")
