from __future__ import annotations

import av
import pytest
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from media.sources.device import Device
from media.sources.errors import MissingError, UnreadableError

needs_lavfi = pytest.mark.skipif("lavfi" not in av.formats_available, reason="libav has no lavfi")


def test_a_system_that_libav_does_not_know() -> None:
    with pytest.raises(MissingError, match="no 'nosuch'"):
        Device("/dev/video0", system="nosuch", kind="video")


@needs_lavfi
async def test_pictures_of_a_device() -> None:
    track = await Device.open("testsrc=size=64x48:rate=25", system="lavfi", kind="video")
    frames = [await track.recv() for _ in range(5)]
    assert [frame.pts for frame in frames] == [0, 3600, 7200, 10_800, 14_400]
    assert isinstance(frames[0], VideoFrame)
    assert (frames[0].width, frames[0].height) == (64, 48)
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()


@needs_lavfi
async def test_sound_of_a_device_and_its_end() -> None:
    track = Device("sine=duration=0.1:sample_rate=44100", system="lavfi", kind="audio")
    frames = [await track.recv() for _ in range(5)]
    with pytest.raises(MediaStreamError):
        await track.recv()
    assert all(isinstance(frame, AudioFrame) for frame in frames)
    assert [frame.pts for frame in frames] == [0, 960, 1920, 2880, 3840]
    assert {frame.sample_rate for frame in frames if isinstance(frame, AudioFrame)} == {48_000}
    assert (track.readyState, track.error) == ("ended", None)


@needs_lavfi
@pytest.mark.parametrize(("name", "kind"), [("nosuchfilter", "video"), ("testsrc", "audio")])
def test_a_device_that_gives_nothing_of_it(name: str, kind: str) -> None:
    with pytest.raises(UnreadableError, match=name):
        Device(name, system="lavfi", kind=kind)
