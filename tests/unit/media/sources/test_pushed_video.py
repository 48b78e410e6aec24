from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from media.sources.pushed_video import PushedVideo
from tests.support.clock.virtual_time import in_virtual_time


def picture(value: int, shape: tuple[int, ...] = (16, 32, 3)) -> Any:
    return np.full(shape, value, np.uint8)


def value(frame: Any) -> int:
    return int(frame.to_ndarray(format="rgb24")[4, 4, 0])


@in_virtual_time
async def test_the_newest_wins() -> None:
    track = PushedVideo()
    for number in (10, 20, 30):
        track.push(picture(number))
    assert value(await track.recv()) == 30
    assert (track.pushed, track.dropped) == (3, 2)


@in_virtual_time
async def test_pictures_come_no_faster_than_the_rate_and_without_drift() -> None:
    now = asyncio.get_running_loop().time
    track, times = PushedVideo(rate=25), []

    async def program() -> None:
        for _ in range(1000):
            track.push(picture(1))
            await asyncio.sleep(0.007)

    pushing = asyncio.create_task(program())
    for number in range(101):
        frame = await track.recv()
        assert frame.pts is not None
        times.append((now(), frame.pts / 90_000))
        # Late for every other one.
        await asyncio.sleep(0.045 if number % 2 else 0.003)
    pushing.cancel()
    assert times[-1][0] - times[0][0] == pytest.approx(4.0, abs=0.01)
    assert times[-1][1] == pytest.approx(4.0, abs=0.01)


@in_virtual_time
async def test_a_picture_waits_for_its_push_and_is_given_at_once() -> None:
    now = asyncio.get_running_loop().time
    track = PushedVideo()
    reading = asyncio.create_task(track.recv())
    await asyncio.sleep(3)
    assert not reading.done()
    track.push(picture(9))
    pushed = now()
    assert value(await reading) == 9
    assert now() == pushed


@in_virtual_time
async def test_the_last_is_given_again_after_a_second() -> None:
    now = asyncio.get_running_loop().time
    track = PushedVideo()
    track.push(picture(5))
    first = await track.recv()
    begun = now()
    again = await track.recv()
    assert value(again) == 5
    assert now() - begun == pytest.approx(1.0)
    assert again is not first
    assert again.pts == 90_000


@in_virtual_time
async def test_nothing_is_given_again_where_that_is_not_wanted() -> None:
    track = PushedVideo(repeat=None)
    track.push(picture(5))
    await track.recv()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(track.recv(), 100)


@in_virtual_time
async def test_stop_ends_a_read_that_waits() -> None:
    track = PushedVideo()
    reading = asyncio.create_task(track.recv())
    await asyncio.sleep(1)
    track.stop()
    with pytest.raises(MediaStreamError):
        await reading
    track.push(picture(1))
    assert track.pushed == 0


@in_virtual_time
async def test_what_is_pushed_is_copied_and_may_have_strides() -> None:
    track, pixels = PushedVideo(), picture(50, (16, 64, 3))
    track.push(pixels[:, ::2])
    pixels[:] = 0
    frame = await track.recv()
    assert (value(frame), frame.width) == (50, 32)


@pytest.mark.parametrize(
    ("pixels", "shape"),
    [("bgr24", (16, 32, 3)), ("rgba", (16, 32, 4)), ("gray", (16, 32)), ("yuv420p", (24, 32))],
)
async def test_formats(pixels: str, shape: tuple[int, ...]) -> None:
    track = PushedVideo()
    track.push(picture(100, shape), pixels=pixels)
    frame = await track.recv()
    assert (frame.format.name, frame.width, frame.height) == (pixels, 32, 16)


@pytest.mark.parametrize(
    ("array", "pixels", "error"),
    [
        (np.zeros((16, 32, 3), np.float32), "rgb24", TypeError),
        ("a picture", "rgb24", TypeError),
        (picture(0, (16, 32)), "rgb24", ValueError),
        (picture(0, (16, 31, 3)), "rgb24", ValueError),
        (picture(0, (16, 32)), "yuv420p", ValueError),
        (picture(0, (0, 32, 3)), "rgb24", ValueError),
        (picture(0, (3,)), "rgb24", ValueError),
        (picture(0, (2, 9000, 3)), "rgb24", ValueError),
        (picture(0), "nv12", ValueError),
    ],
)
def test_what_no_picture_is_made_of_is_refused(
    array: Any, pixels: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        PushedVideo().push(array, pixels=pixels)
    with pytest.raises(ValueError, match="a second"):
        PushedVideo(rate=0)
