from __future__ import annotations

import asyncio

import pytest
from aiortc.mediastreams import MediaStreamError

from media.planes import planes
from media.sources.still import BLACK, FlatPicture, Silence
from tests.support.clock.virtual_time import in_virtual_time


@in_virtual_time
async def test_a_flat_picture_is_one_colour_at_its_rate() -> None:
    now = asyncio.get_running_loop().time
    track, begun = FlatPicture(width=32, height=16, rate=4), now()
    frames = [await track.recv() for _ in range(5)]
    assert now() - begun == pytest.approx(1.0)
    assert [frame.pts for frame in frames] == [n * 22_500 for n in range(5)]
    assert tuple({int(value) for value in plane.flat} for plane in planes(frames[0])) == tuple(
        {value} for value in BLACK
    )
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()


@in_virtual_time
async def test_silence_is_silent_and_goes_on() -> None:
    track = Silence()
    frames = [await track.recv() for _ in range(3)]
    assert not any(frame.to_ndarray().any() for frame in frames)
    assert [frame.pts for frame in frames] == [0, 960, 1920]
