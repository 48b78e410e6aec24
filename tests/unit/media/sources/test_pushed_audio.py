from __future__ import annotations

import asyncio
import itertools
import math
import random
from array import array
from typing import Any

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from media.sources.pushed_audio import PushedAudio
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.media.sinad import sinad

#: Frequency of the tone in Hz: no divisor of any rate, so that all phases are met.
TONE = 997.0


def tone(rate: int, *, begin: int, count: int) -> Any:
    turns = TONE * np.arange(begin, begin + count) / rate
    return np.round(26_000 * np.sin(2 * math.pi * turns)).astype(np.int16)


async def speak(track: PushedAudio, rate: int, *, seconds: float, lateness: float) -> None:
    """Push a tone as it is made, 20 ms at a time, each up to `lateness` seconds late."""
    chances, loop = random.Random(rate), asyncio.get_running_loop()
    begun, at = loop.time(), 0
    for number in itertools.count(1):
        if at >= seconds * rate:
            return
        # 22.05 kHz has 441 samples in 20 ms, and 11.025 kHz now 220, now 221.
        end = number * rate // 50
        await track.push(tone(rate, begin=at, count=end - at), rate=rate)
        at = end
        late = chances.uniform(0, lateness)
        await asyncio.sleep(max(0.0, begun + number * 0.02 + late - loop.time()))


async def heard(track: PushedAudio, *, seconds: float, lateness: float = 0.0) -> Any:
    """Read a track, each frame up to `lateness` seconds late; returns what follows the silence."""
    chances, blocks = random.Random(1), []
    for _ in range(round(seconds * 50)):
        frame = await track.recv()
        blocks.append(frame.to_ndarray()[0, :: len(frame.layout.channels)].copy())
        await asyncio.sleep(chances.uniform(0, lateness))
    samples = np.concatenate(blocks)
    return samples[int((samples != 0).argmax()) :]


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
    await track.push(sound(0.04, 500))
    assert await played(track, 3) == [500, 500, 0]


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
    assert await track.push(sound(0.04, 7))
    assert await played(track, 3) == [7, 7, 0]


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
    await track.push(sound(0.04).tobytes())
    frame = await track.recv()
    assert (frame.layout.name, frame.samples) == ("stereo", 960)
    assert frame.to_ndarray().any()
    with pytest.raises(TypeError, match="int16, not float32"):
        await track.push(np.zeros(10, np.float32))
    with pytest.raises(TypeError, match="int16, not list"):
        await track.push([0, 1])  # type: ignore[arg-type]  # on purpose
    with pytest.raises(TypeError, match="int16, not float64"):
        await track.push(np.zeros((1, 10)))  # type: ignore[arg-type]  # on purpose
    with pytest.raises(TypeError, match="format f"):
        await track.push(memoryview(array("f", [0.0])))
    with pytest.raises(ValueError, match="shape"):
        await track.push(np.zeros((10, 3), np.int16))
    with pytest.raises(ValueError, match="Hz"):
        await track.push(sound(1), rate=0)
    with pytest.raises(ValueError, match="channels"):
        PushedAudio(channels=6)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
@in_virtual_time
async def test_sound_pushed_as_it_is_made_is_whole_at_every_rate(rate: int) -> None:
    track = PushedAudio()
    speaking = asyncio.create_task(speak(track, rate, seconds=2, lateness=0.0))
    samples = await heard(track, seconds=1.9)
    assert len(samples) > 1.8 * 48_000
    # The first milliseconds are the begin of a tone, which has all frequencies.
    assert sinad(samples[480:], TONE, rate=48_000) > 80
    await speaking


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
@in_virtual_time
async def test_sound_pushed_late_on_a_busy_machine_is_whole(rate: int) -> None:
    track = PushedAudio(channels=2)
    speaking = asyncio.create_task(speak(track, rate, seconds=3, lateness=0.018))
    samples = await heard(track, seconds=2.9, lateness=0.019)
    assert sinad(samples[480:], TONE, rate=48_000) > 80
    await speaking


@in_virtual_time
async def test_sound_that_comes_too_late_again_and_again_gets_more_time() -> None:
    track = PushedAudio()
    speaking = asyncio.create_task(speak(track, 16_000, seconds=8, lateness=0.1))
    await heard(track, seconds=3)
    later = await heard(track, seconds=4.9)
    assert sinad(later[480:], TONE, rate=48_000) > 80
    await speaking


@in_virtual_time
async def test_the_end_of_sound_of_another_rate_is_played_and_silence_follows() -> None:
    track = PushedAudio()
    await track.push(tone(8_000, begin=0, count=4_000), rate=8_000)
    samples = await heard(track, seconds=1)
    assert int(np.flatnonzero(samples)[-1]) == pytest.approx(24_000, abs=24)
    assert sinad(samples[480:23_500], TONE, rate=48_000) > 80
    assert await track.drained()


@in_virtual_time
async def test_a_word_of_20_ms_is_heard_after_40_ms_though_nothing_follows() -> None:
    track = PushedAudio()
    await track.push(sound(0.02))
    assert await played(track, 5) == [0, 0, 1000, 0, 0]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, "row", "array"])
@in_virtual_time
async def test_samples_are_taken_in_each_form_that_holds_them(kind: Any) -> None:
    track, samples = PushedAudio(), np.arange(1, 2_881, dtype=np.int16)
    match kind:
        case "row":
            await track.push(samples.reshape(1, -1))
        case "array":
            await track.push(memoryview(array("h", samples.tolist())))
        case _:
            await track.push(kind(samples.tobytes()))
    assert (await heard(track, seconds=0.1))[:2_880].tolist() == samples.tolist()


@in_virtual_time
async def test_bytes_may_be_cut_inside_of_a_sample() -> None:
    track, samples = PushedAudio(), np.arange(1, 2_881, dtype=np.int16)
    octets, chances = samples.tobytes(), random.Random(3)
    while octets:
        size = chances.randrange(1, 400)
        assert await track.push(bytearray(octets[:size]))
        octets = octets[size:]
    assert (await heard(track, seconds=0.1))[:2_880].tolist() == samples.tolist()


@in_virtual_time
async def test_half_a_sample_does_not_outlive_an_interruption_or_an_array() -> None:
    track, samples = PushedAudio(), np.arange(1, 1_921, dtype=np.int16)
    await track.push(b"\x07")
    track.interrupt()
    await track.push(samples.tobytes() + b"\x07")
    await track.push(samples)
    await track.push(samples.tobytes())
    expected = np.concatenate((samples, samples, samples))
    assert (await heard(track, seconds=0.2))[: len(expected)].tolist() == expected.tolist()
