"""Pictures of GStreamer in the one codec that it offers, shown and recorded without decoding."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from media import Recorder
from peer import PeerConnection
from tests.support.clock.deadline import DEADLINE
from tests.support.media.takes import errors, probe
from tests.support.negotiation.connection_media import colour_of
from tests.support.negotiation.connections import local, within
from tests.support.peers.exchange import hand_over, hear_description, trickling
from tests.support.peers.marks import EVERYTHING
from tests.support.peers.third_party import ThirdParty, open_stage

if TYPE_CHECKING:
    from pathlib import Path

    from av import VideoFrame

pytestmark = [
    pytest.mark.needs("webrtcbin", "ffmpeg"),
    pytest.mark.xdist_group(f"peer-{ThirdParty.WEBRTCBIN}"),
]
_FRAMES = 20
#: The codec, its packetization mode as agreed, and what it is called in MP4. The first has no fmtp.
_CODECS = [("H264", "0", "avc1"), ("H265", None, "hvc1")]
if EVERYTHING:
    _CODECS += [("H264 mode 0", "0", "avc1")]


@pytest.mark.parametrize(("codec", "mode", "written"), _CODECS)
async def test_pictures_of_gstreamer_are_shown_and_recorded_as_they_come(
    tmp_path: Path, codec: str, mode: str | None, written: str
) -> None:
    path = tmp_path / "call.mp4"
    recorder = Recorder(path)
    async with (
        open_stage(ThirdParty.WEBRTCBIN) as open_peer,
        open_peer() as peer,
        PeerConnection() as pc,
        trickling(pc, peer) as described,
    ):
        await peer.tell("send", kind="video", codec=codec)
        await peer.tell("offer")
        await pc.setRemoteDescription(await hear_description(peer))
        await pc.setLocalDescription()
        await hand_over(peer, local(pc))
        described.set()
        await within(pc.connected())
        (receiver,) = pc.getReceivers()
        recorder.addTrack(receiver.track)
        await recorder.start()
        y, u, v = colour_of(cast("VideoFrame", await within(receiver.track.recv())))
        async with asyncio.timeout(DEADLINE):
            while recorder.stats.frames < _FRAMES:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.1)
        await recorder.stop()
    # Green.
    assert u < 80
    assert v < 80
    assert y > 100
    agreed = receiver.getParameters().codecs[0]
    assert (agreed.name, agreed.parameter("packetization-mode")) == (codec.split(" ")[0], mode)
    assert recorder.stats.transcoding == ()
    (stream,) = probe(path)["streams"]
    assert stream["codec_tag_string"] == written
    assert errors(path) == ""
