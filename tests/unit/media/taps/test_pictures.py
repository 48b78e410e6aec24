from __future__ import annotations

import asyncio

import numpy as np
import pytest

from media import SyntheticVideoTrack
from media.sources.pushed_video import PushedVideo
from media.taps.pictures import pictures
from tests.support.media.frames import GivenTrack, flat_picture, tone


def pushed(value: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    return np.full((16, 32, 3), value, np.uint8)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_pictures_are_rgb_with_their_time() -> None:
    frames = [flat_picture(32, 16, luma=100, pts=90_000 * n) for n in range(3)]
    track = GivenTrack("video", frames)
    async with pictures(track, size=(20, 10)) as reader:
        picture = await anext(reader)
    assert picture.pixels.shape == (10, 20, 3)
    assert picture.pixels.dtype == np.uint8
    assert picture.time in (0.0, 1.0, 2.0)
    picture.pixels[:] = 0


async def test_a_busy_program_gets_the_newest() -> None:
    track = PushedVideo(rate=100_000)
    async with pictures(track) as reader:
        track.push(pushed(1))
        assert int((await anext(reader)).pixels[0, 0, 0]) == 1
        for value in (2, 3, 4):
            track.push(pushed(value))
            await asyncio.sleep(0.001)
            await settled()
        assert int((await anext(reader)).pixels[0, 0, 0]) == 4
        assert reader.dropped + track.dropped == 2


async def test_no_more_than_the_rate_by_the_times_of_the_track() -> None:
    source = SyntheticVideoTrack(width=16, height=16, rate=60)
    times = []
    async with pictures(source, rate=20) as reader:
        async for picture in reader:
            times.append(picture.time)
            if len(times) == 12:
                break
    steps = np.diff(times)
    assert steps.min() > 0.03
    assert times[-1] - times[0] >= 0.54


async def test_it_ends_with_the_track_and_when_it_is_closed() -> None:
    track = GivenTrack("video", [flat_picture(16, 16)])
    assert len([picture async for picture in pictures(track)]) == 1
    reader = pictures(PushedVideo())
    waiting = asyncio.create_task(reader.__anext__())
    await settled()
    await reader.aclose()
    with pytest.raises(StopAsyncIteration):
        await waiting
    with pytest.raises(StopAsyncIteration):
        await anext(reader)


async def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(TypeError, match="AudioFrame"):
        await anext(pictures(GivenTrack("audio", [tone(440, 0.02)])))
    with pytest.raises(ValueError, match="0 x 10"):
        pictures(PushedVideo(), size=(0, 10))
    with pytest.raises(ValueError, match="a second"):
        pictures(PushedVideo(), rate=0)
