"""Connections of real codecs that few offer: H.264 in mode 0 and High, H.265, VP9 of ten bits."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import pytest
from aiortc.mediastreams import MediaStreamTrack
from av.container import InputContainer
from av.packet import Packet

from media import Recorder
from peer import PeerConnection
from peer.rtp.capabilities import capabilities
from peer.rtp_parameters import MediaKind, RtpCapabilities
from tests.support.clock.deadline import DEADLINE
from tests.support.media.foreign import COUNT, HEIGHT, RATE, WIDTH, Foreign, foreign
from tests.support.negotiation.connection_media import BLUE, RED, ColourTrack, sees
from tests.support.negotiation.connections import connect, local, loopback, within

if TYPE_CHECKING:
    from pathlib import Path

    from av import VideoFrame


def only_h264(mode: str, profile_level_id: str) -> dict[MediaKind, RtpCapabilities]:
    """Capabilities of an end that has one H.264 for its pictures, among those that we take."""
    able = {kind: capabilities(kind) for kind in MediaKind}
    video = able[MediaKind.VIDEO]
    chosen = tuple(
        codec
        for codec in (*video.codecs, *video.accepted)
        if codec.parameter("packetization-mode") == mode
        and codec.parameter("profile-level-id") == profile_level_id
    )
    assert len(chosen) == 1
    return {**able, MediaKind.VIDEO: RtpCapabilities(chosen, video.extensions)}


@pytest.mark.parametrize(
    ("mode", "profile_level_id"), [("0", "42e01f"), ("0", "640034"), ("1", "4d0034")]
)
async def test_pictures_flow_both_ways_in_the_one_h264_that_the_peer_has(
    monkeypatch: pytest.MonkeyPatch, mode: str, profile_level_id: str
) -> None:
    only = only_h264(mode, profile_level_id)
    with monkeypatch.context() as patch:
        patch.setattr("peer.runtime.origin.InstalledCapabilities", lambda: only)
        rare = PeerConnection(loopback())
    async with rare, PeerConnection(loopback()) as usual:
        rare.addTrack(ColourTrack(RED))
        usual.addTrack(ColourTrack(BLUE))
        await connect(rare, usual)
        (here,), (there,) = rare.getReceivers(), usual.getReceivers()
        await within(asyncio.gather(sees(here.track, BLUE), sees(there.track, RED)))
        # And once more, by an offer of the end that has more.
        await connect(usual, rare)
        assert local(usual).type == "offer"
        await within(asyncio.gather(sees(here.track, BLUE), sees(there.track, RED)))
        for receiver in (here, there):
            (codec,) = receiver.getParameters().codecs
            assert codec.parameter("packetization-mode") == mode
            assert (codec.parameter("profile-level-id") or "")[:2] == profile_level_id[:2]


class EncodedPictures(MediaStreamTrack):
    """Pictures that are encoded already, without end."""

    kind = "video"

    def __init__(self, stream: Foreign) -> None:
        super().__init__()
        self._frames = foreign(stream)
        self._number = 0

    async def recv(self) -> Packet[Any]:
        await asyncio.sleep(1 / RATE)
        packet = Packet(self._frames[self._number % len(self._frames)].data)
        packet.pts, packet.time_base = self._number, Fraction(1, RATE)
        self._number += 1
        return packet


@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize(
    ("stream", "preference", "written"),
    [
        (Foreign.H265_MAIN_10, "video/H265;profile-id=2", "hvc1"),
        (Foreign.VP9_PROFILE_2, "video/VP9;profile-id=2", "vp09"),
    ],
)
async def test_format_that_nothing_here_encodes_is_named_received_relayed_and_recorded(
    tmp_path: Path, stream: Foreign, preference: str, written: str
) -> None:
    path = tmp_path / "call.mp4"
    recorder = Recorder(path)
    camera, middle, onward, viewer = (PeerConnection(loopback()) for _ in range(4))
    viewer.on("track", lambda event: recorder.addTrack(event.track))
    async with camera, middle, onward, viewer:
        camera.addTrack(EncodedPictures(stream))
        middle.addTrack(ColourTrack(RED))
        camera.getTransceivers()[0].setCodecPreferences([preference])
        await connect(camera, middle)
        (transceiver,) = middle.getTransceivers()
        # Our own pictures wait for a codec that is encoded here.
        assert (transceiver.direction, transceiver.currentDirection) == ("sendrecv", "recvonly")
        (receiver,) = middle.getReceivers()
        codecs = receiver.getParameters().codecs
        assert [codec.name for codec in codecs] == [stream.value.name, "rtx"]
        onward.addTrack(receiver.encoded_track())
        onward.getTransceivers()[0].setCodecPreferences(codecs)
        await connect(onward, viewer)
        await recorder.start()
        for track in (receiver.track, viewer.getReceivers()[0].track):
            shown = cast("VideoFrame", await within(track.recv()))
            assert (shown.width, shown.height) == (WIDTH, HEIGHT)
            assert shown.format.name == stream.value.pixels
        async with asyncio.timeout(DEADLINE):
            while recorder.stats.frames < 2 * COUNT:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.05)
        await recorder.stop()
    assert recorder.stats.transcoding == ()
    with av.open(str(path)) as file:
        assert isinstance(file, InputContainer)
        pictures = file.streams.video[0]
        assert pictures.codec_context.codec_tag == written
        assert len(list(file.decode(pictures))) == recorder.stats.frames
