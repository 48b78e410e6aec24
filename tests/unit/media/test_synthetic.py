from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from aiortc.mediastreams import MediaStreamError

from media import SyntheticAudioTrack, SyntheticVideoTrack, ToneMeter
from media.planes import planes
from media.synthetic import BARS

if TYPE_CHECKING:
    from aiortc.mediastreams import MediaStreamTrack


async def test_the_picture_is_colour_bars() -> None:
    y, u, v = planes(await SyntheticVideoTrack(width=70, height=40).recv())

    middles = [
        (int(y[0, 10 * i + 4]), int(u[0, 5 * i + 2]), int(v[0, 5 * i + 2])) for i in range(7)
    ]
    assert middles == list(BARS)


async def test_the_square_moves() -> None:
    track = SyntheticVideoTrack(width=64, height=48, rate=200)

    first, second = await track.recv(), await track.recv()

    assert (planes(first).y != planes(second).y).any()


async def test_the_square_stays_whole_at_both_edges() -> None:
    track = SyntheticVideoTrack(width=32, height=48, rate=2_000)

    areas = {int((planes(await track.recv()).y == 235).sum()) for _ in range(40)}

    assert areas == {36}


async def test_video_time_stamps_follow_the_rate() -> None:
    track = SyntheticVideoTrack(width=16, height=16, rate=50)

    frames = [await track.recv() for _ in range(3)]

    assert [f.pts for f in frames] == [0, 1_800, 3_600]
    assert frames[0].time_base == Fraction(1, 90_000)


async def test_the_tone_has_its_pitch_across_frames() -> None:
    track, meter = SyntheticAudioTrack(pitch=523.25), ToneMeter()

    for _ in range(15):
        meter.hear(await track.recv())

    assert meter.measure().pitch == pytest.approx(523.25, abs=0.5)


async def test_audio_time_stamps_count_samples() -> None:
    track = SyntheticAudioTrack()

    frames = [await track.recv() for _ in range(3)]

    assert [f.pts for f in frames] == [0, 960, 1_920]
    assert frames[0].time_base == Fraction(1, 48_000)


async def test_frames_come_at_their_pace() -> None:
    track = SyntheticVideoTrack(width=16, height=16, rate=50)
    clock = asyncio.get_running_loop().time
    await track.recv()
    start = clock()

    for _ in range(5):
        await track.recv()

    assert clock() - start >= 0.09


@pytest.mark.parametrize("track", [SyntheticVideoTrack, SyntheticAudioTrack])
async def test_a_stopped_track_gives_no_more(track: type[MediaStreamTrack]) -> None:
    stopped = track()
    stopped.stop()

    with pytest.raises(MediaStreamError):
        await stopped.recv()
