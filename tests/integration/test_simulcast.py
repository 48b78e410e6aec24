"""Two ends of ours on the loopback: one picture in three encodings (RFC 8853), in every codec."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import pytest

from media import Recorder, SyntheticVideoTrack
from peer import RtpEncodingOptions, RtpEncodingParameters, RtpSetParameterOptions
from peer.rtp.inbound.stats import InboundRtpStats
from peer.rtp.outbound.stats import OutboundRtpStats
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import connect, exchange, local, only, pair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from peer import PeerConnection, RtpSender

WIDTH, HEIGHT = 320, 240
RIDS = ("q", "h", "f")
#: Seconds between two looks at the statistics.
TICK = 0.05


@dataclass
class Simulcast:
    """A camera that sends three encodings, and a viewer that receives them."""

    camera: PeerConnection
    viewer: PeerConnection
    sender: RtpSender

    async def sent(self) -> dict[str | None, OutboundRtpStats]:
        """The statistics of each layer, by RID."""
        report = await self.sender.getStats()
        return {each.rid: each for each in report.values() if isinstance(each, OutboundRtpStats)}

    async def received(self) -> dict[int, InboundRtpStats]:
        """What the viewer has of each layer, by SSRC."""
        report = await self.viewer.getReceivers()[0].getStats()
        return {each.ssrc: each for each in report.values() if isinstance(each, InboundRtpStats)}

    async def until(self, condition: Callable[[dict[str | None, OutboundRtpStats]], bool]) -> None:
        """Wait until the statistics of the layers fulfil a condition."""
        async with asyncio.timeout(DEADLINE):
            while True:
                if condition(await self.sent()):
                    return
                await asyncio.sleep(TICK)

    async def shows(self, width: int) -> None:
        """Wait until the viewer gets pictures of a width."""
        async with asyncio.timeout(DEADLINE):
            async for frame in self.viewer.getReceivers()[0].encoded_frames():
                if frame.keyframe and frame.width == width:
                    return


@asynccontextmanager
async def simulcast(codec: str = "video/VP8") -> AsyncIterator[Simulcast]:
    async with pair() as (camera, viewer):
        track = SyntheticVideoTrack(width=WIDTH, height=HEIGHT)
        encodings = [RtpEncodingParameters(rid=rid) for rid in RIDS]
        transceiver = camera.addTransceiver(track, "sendonly", sendEncodings=encodings)
        transceiver.setCodecPreferences([codec])
        await connect(camera, viewer)
        yield Simulcast(camera, viewer, transceiver.sender)


@pytest.mark.timeout(2 * DEADLINE)
@pytest.mark.parametrize("name", ["VP8", "H264", "VP9", "AV1"])
async def test_each_encoding_is_a_stream_of_its_size(name: str) -> None:
    async with simulcast(f"video/{name}") as call:
        await call.until(lambda sent: all(each.framesSent > 5 for each in sent.values()))
        sent = await call.sent()
        assert list(sent) == list(RIDS)
        assert [each.encodingIndex for each in sent.values()] == [0, 1, 2]
        assert [each.frameWidth for each in sent.values()][1:] == [WIDTH // 2, WIDTH]
        assert len({each.mediaSourceId for each in sent.values()}) == 1
        assert len({each.codecId for each in sent.values()}) == 1
        await call.shows(WIDTH)
        received = {ssrc for ssrc, each in (await call.received()).items() if each.framesReceived}
        assert received == {each.ssrc for each in sent.values()}


async def test_key_frame_is_made_of_the_encoding_that_is_named() -> None:
    async with simulcast() as call:
        await call.until(lambda sent: all(each.framesSent > 20 for each in sent.values()))
        before = {rid: each.keyFramesEncoded for rid, each in (await call.sent()).items()}
        options = [RtpEncodingOptions(), RtpEncodingOptions(keyFrame=True), RtpEncodingOptions()]
        await call.sender.setParameters(
            call.sender.getParameters(), RtpSetParameterOptions(encodingOptions=options)
        )
        await call.until(lambda sent: sent["h"].keyFramesEncoded > before["h"])


async def test_inactive_encoding_stops_and_the_viewer_goes_on_with_the_next() -> None:
    async with simulcast() as call:
        await call.shows(WIDTH)
        parameters = call.sender.getParameters()
        parameters.encodings[2].active = False
        await call.sender.setParameters(parameters)
        await call.shows(WIDTH // 2)
        assert not (await call.sent())["f"].active
        parameters = call.sender.getParameters()
        parameters.encodings[2].active = True
        await call.sender.setParameters(parameters)
        await call.shows(WIDTH)


async def test_answer_that_takes_no_simulcast_leaves_the_first_encoding() -> None:
    async with pair() as (camera, viewer):
        track = SyntheticVideoTrack(width=WIDTH, height=HEIGHT)
        encodings = [
            RtpEncodingParameters(rid="f", scaleResolutionDownBy=1),
            RtpEncodingParameters(rid="q", scaleResolutionDownBy=4),
        ]
        camera.addTransceiver(track, "sendonly", sendEncodings=encodings)
        await camera.setLocalDescription()
        offer = local(camera)
        lines = offer.sdp.splitlines(keepends=True)
        plain = "".join(each for each in lines if not each.startswith(("a=rid", "a=simulcast")))
        await viewer.setRemoteDescription(type(offer)(plain, offer.type))
        await viewer.setLocalDescription()
        await camera.setRemoteDescription(local(viewer))
        call = Simulcast(camera, viewer, only(camera).sender)
        assert [each.rid for each in call.sender.getParameters().encodings] == ["f"]
        await call.shows(WIDTH)
        assert list(await call.sent()) == ["f"]
        await exchange(camera, viewer)
        assert [each.rid for each in call.sender.getParameters().encodings] == ["f"]


async def test_encodings_that_the_offer_asks_for_are_sent_by_the_answerer() -> None:
    async with pair() as (viewer, camera):
        camera.addTrack(SyntheticVideoTrack(width=WIDTH, height=HEIGHT))
        viewer.addTransceiver("video", "recvonly")
        await viewer.setLocalDescription()
        offer = local(viewer)
        asked = "a=rid:q recv\r\na=rid:f recv\r\na=simulcast:recv q;f\r\n"
        await camera.setRemoteDescription(type(offer)(offer.sdp + asked, offer.type))
        call = Simulcast(camera, viewer, only(camera).sender)
        assert [each.rid for each in call.sender.getParameters().encodings] == ["q", "f"]
        await camera.setLocalDescription()
        assert "a=simulcast:send q;f" in local(camera).sdp
        await viewer.setRemoteDescription(local(camera))
        await call.until(
            lambda sent: list(sent) == ["q", "f"] and all(each.framesSent for each in sent.values())
        )


async def test_relay_gives_each_viewer_the_encoding_that_it_chooses() -> None:
    async with simulcast() as call, pair() as (first, one), pair() as (second, other):
        await call.shows(WIDTH)
        (receiver,) = call.viewer.getReceivers()
        assert [each.rid for each in receiver.layers] == list(RIDS)
        assert receiver.layers[2].pixels == WIDTH * HEIGHT
        small, large = receiver.encoded_track(layer="h"), receiver.encoded_track()
        first.addTrack(small)
        second.addTrack(large)
        await connect(first, one)
        await connect(second, other)
        near = Simulcast(first, one, only(first).sender)
        far = Simulcast(second, other, only(second).sender)
        frames = one.getReceivers()[0].encoded_frames()
        await far.shows(WIDTH)
        ssrcs, times = set(), []
        async with asyncio.timeout(DEADLINE):
            for layer, width in ((None, WIDTH), ("h", WIDTH // 2), ("f", WIDTH)):
                small.layer = layer
                async for frame in frames:
                    ssrcs.add(frame.ssrc)
                    times.append(frame.pts)
                    if frame.keyframe and frame.width == width:
                        break
        assert ssrcs == {near.sender.ssrc}
        assert times == sorted(set(times))
        assert not frames.dropped
        small.layer = "h"
        await near.shows(WIDTH // 2)
        await far.shows(WIDTH)


async def test_recorder_takes_the_encoding_that_its_track_chooses(tmp_path: Path) -> None:
    path = tmp_path / "call.webm"
    async with simulcast() as call:
        await call.shows(WIDTH)
        (receiver,) = call.viewer.getReceivers()
        recorder = Recorder(path)
        recorder.addTrack(receiver.encoded_track(layer="h"))
        await recorder.start()
        async with asyncio.timeout(DEADLINE):
            while recorder.stats.duration < 1.0:  # noqa: ASYNC110 - the recorder does not say so
                await asyncio.sleep(TICK)
        await call.shows(WIDTH)
        await recorder.stop()
    with av.open(str(path)) as file:
        assert {frame.width for frame in file.decode(video=0)} == {WIDTH // 2}
