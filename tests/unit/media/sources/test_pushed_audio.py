from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from media.sources.pushed_audio import PushedAudio
from tests.support.clock.virtual_time import in_virtual_time


def sound(seconds: float, level: int = 1000, rate: int = 48_000) -> Any:
    return np.full(round(seconds * rate), level, np.int16)


def level(frame: Any) -> int:
    return int(frame.to_ndarray()[0, 480])


async def played(track: PushedAudio, count: int) -> list[int]:
    return [level(await track.recv()) for _ in range(count)]


@in_virtual_time
async def test_sound_is_played_in_real_time_with_silence_around() -> None:
    now = asyncio.get_running_loop().time
    track, begun = PushedAudio(), now()
    assert await played(track, 2) == [0, 0]
    assert await track.push(sound(0.04))
    assert await played(track, 4) == [1000, 1000, 0, 0]
    assert now() - begun == pytest.approx(5 * 0.02)
    frame = await track.recv()
    assert (frame.pts, frame.sample_rate, frame.samples) == (6 * 960, 48_000, 960)


@in_virtual_time
async def test_an_interruption_silences_the_very_next_frame() -> None:
    track = PushedAudio()
    await track.push(sound(5))
    assert await played(track, 2) == [1000, 1000]
    track.interrupt()
    assert track.waiting == 0
    assert await played(track, 2) == [0, 0]
    await track.push(sound(0.02, 500))
    assert await played(track, 2) == [500, 0]


@in_virtual_time
async def test_pushing_too_much_waits_until_there_is_room() -> None:
    now = asyncio.get_running_loop().time
    track = PushedAudio(limit=1.0)
    begun = now()
    pushing = asyncio.create_task(track.push(sound(3)))
    longest = 0.0
    for _ in range(200):
        await track.recv()
        longest = max(longest, track.waiting)
        if pushing.done():
            break
    assert pushing.result()
    assert longest <= 2.0
    assert 0.9 < now() - begun < 2.1


@in_virtual_time
async def test_an_interruption_ends_a_push_that_waits_and_those_behind_it() -> None:
    track = PushedAudio(limit=0.5)
    pushes = [asyncio.create_task(track.push(sound(3))) for _ in range(2)]
    await track.recv()
    track.interrupt()
    assert not any(await asyncio.gather(*pushes))
    assert track.waiting == 0
    assert await track.push(sound(0.02, 7))
    assert await played(track, 2) == [7, 0]


@in_virtual_time
async def test_drained_waits_until_the_last_sample_has_lasted() -> None:
    now = asyncio.get_running_loop().time
    track = PushedAudio()
    playing = asyncio.create_task(played(track, 100))
    await track.push(sound(0.1, rate=16_000), rate=16_000)
    begun = now()
    assert await track.drained()
    assert 0.1 <= now() - begun <= 0.161
    assert await track.drained()
    playing.cancel()


@in_virtual_time
async def test_drained_says_that_it_was_interrupted() -> None:
    track = PushedAudio()
    await track.push(sound(5))
    waiting = asyncio.create_task(track.drained())
    await track.recv()
    assert not waiting.done()
    track.interrupt()
    assert await waiting is False


@in_virtual_time
async def test_stop_ends_the_track_and_all_that_waits() -> None:
    track = PushedAudio(limit=0.1)
    pushing = asyncio.create_task(track.push(sound(3)))
    draining = asyncio.create_task(track.drained())
    await track.recv()
    track.stop()
    assert not any(await asyncio.gather(pushing, draining))
    with pytest.raises(MediaStreamError):
        await track.recv()


@in_virtual_time
async def test_a_reader_that_paused_gets_no_row_of_frames() -> None:
    now = asyncio.get_running_loop().time
    track = PushedAudio()
    first = await track.recv()
    await asyncio.sleep(10)
    begun = now()
    frames = [await track.recv() for _ in range(11)]
    assert now() - begun == pytest.approx(0.2, abs=0.021)
    assert frames[-1].pts is not None
    assert first.pts is not None
    assert (frames[-1].pts - first.pts) / 48_000 == pytest.approx(10.2, abs=0.03)


@in_virtual_time
async def test_bytes_stereo_and_what_is_refused() -> None:
    track = PushedAudio(channels=2)
    await track.push(sound(0.02).tobytes())
    frame = await track.recv()
    assert (frame.layout.name, frame.samples) == ("stereo", 960)
    assert frame.to_ndarray().any()
    with pytest.raises(TypeError, match="int16, not float32"):
        await track.push(np.zeros(10, np.float32))
    with pytest.raises(TypeError, match="int16, not list"):
        await track.push([0, 1])  # type: ignore[arg-type]  # on purpose
    with pytest.raises(ValueError, match="shape"):
        await track.push(np.zeros((10, 3), np.int16))
    with pytest.raises(ValueError, match="Hz"):
        await track.push(sound(1), rate=0)
    with pytest.raises(ValueError, match="channels"):
        PushedAudio(channels=6)
