"""A file sent from one PeerConnection to another as it is, nothing of it decoded."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import pytest

from media.sources.file_source import FileSource
from tests.support.media.clips import make_clip
from tests.support.negotiation.connections import connect, pair, within

if TYPE_CHECKING:
    from pathlib import Path

    from peer import EncodedFrame, PeerConnection, RtpReceiver, TrackEvent


def packets_of(path: Path, kind: str) -> set[bytes]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0] if kind == "video" else container.streams.audio[0]
        return {bytes(packet) for packet in container.demux(stream) if packet.size}


async def read(receiver: RtpReceiver, count: int) -> list[EncodedFrame]:
    frames = receiver.encoded_frames()
    try:
        return [await within(anext(frames)) for _ in range(count)]
    finally:
        await frames.aclose()


def receivers(pc: PeerConnection) -> dict[str, RtpReceiver]:
    found: dict[str, RtpReceiver] = {}

    def keep(event: TrackEvent) -> None:
        found[event.track.kind] = event.receiver

    pc.on("track", keep)
    return found


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_a_file_arrives_octet_for_octet(tmp_path: Path, codec: str) -> None:
    name, library = {"VP8": ("a.webm", "libvpx"), "H264": ("a.mp4", "libx264")}[codec]
    path = make_clip(tmp_path / name, seconds=2, video=library)
    source = await FileSource.open(path, loop=True, decode=False)
    assert source.video is not None
    assert source.audio is not None
    assert source.video.codec is not None
    async with pair() as (left, right):
        there = receivers(right)
        left.addTrack(source.audio)
        left.addTrack(source.video)
        for transceiver in left.getTransceivers():
            if transceiver.kind == "video":
                transceiver.setCodecPreferences([source.video.codec.mimeType])
        await connect(left, right)

        pictures, sound = await asyncio.gather(read(there["video"], 75), read(there["audio"], 120))

        assert {frame.codec.name for frame in pictures} == {codec}
        assert {frame.codec.name for frame in sound} == {"opus"}
        if codec == "VP8":
            assert {frame.payload for frame in pictures} <= packets_of(path, "video")
        assert {frame.payload for frame in sound} <= packets_of(path, "audio")
        # More than the whole file, so across its end; nothing of it missing.
        assert not any(frame.gap for frame in [*pictures, *sound])
        times = [frame.pts / 90_000 for frame in pictures]
        steps = [b - a for a, b in pairwise(times)]
        assert max(steps) < 0.06
        assert min(steps) > 0
        assert times[-1] - times[0] == pytest.approx(74 / 30, abs=0.05)
        assert (sound[-1].pts - sound[0].pts) / 48_000 == pytest.approx(119 * 0.02, abs=0.05)
        # One wall clock: what was captured together is known to belong together.
        assert pictures[-1].wall_clock is not None
    source.stop()
