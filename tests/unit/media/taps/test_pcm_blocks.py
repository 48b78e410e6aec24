from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from av import AudioFrame

from media.taps.pcm_blocks import PcmBlockResampler


def frame(
    samples: Any, begin: float | None, *, rate: int = 16_000, layout: str = "mono"
) -> AudioFrame:
    made = AudioFrame.from_ndarray(
        np.asarray(samples, np.int16).reshape(1, -1), format="s16", layout=layout
    )
    made.sample_rate = rate
    if begin is not None:
        made.pts, made.time_base = round(begin * rate), Fraction(1, rate)
    return made


def level(value: int, count: int = 320) -> Any:
    return np.full(count, value, np.int16)


def heard(blocks: PcmBlockResampler, *frames: AudioFrame) -> list[Any]:
    return [block for each in frames for block in blocks.add(each)]


def test_blocks_have_one_length_whatever_the_frames() -> None:
    blocks = PcmBlockResampler(rate=16_000, length=320)
    counts, at, out = [100, 700, 1, 319, 480, 640], 0, []
    for count in counts:
        out += heard(blocks, frame(np.arange(at, at + count), at / 16_000))
        at += count
    out += list(blocks.finish())
    assert {len(block) for block in out} == {320}
    assert np.array_equal(np.concatenate(out)[:at], np.arange(at))


def test_a_gap_is_silence_of_its_length() -> None:
    blocks = PcmBlockResampler(rate=16_000, length=320)
    out = heard(blocks, frame(level(5), 0.0), frame(level(6), 0.1), frame(level(7), 0.12))
    assert [int(block[160]) for block in out] == [5, 0, 0, 0, 0, 6, 7]


def test_what_comes_before_a_gap_is_whole() -> None:
    blocks = PcmBlockResampler(rate=16_000, length=320)
    out = heard(
        blocks,
        frame(level(1000, 960), 0.0, rate=48_000),
        frame(level(1000, 960), 0.1, rate=48_000),
    )
    assert (out[0][20:] > 500).all()
    assert not out[1].any()


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_sound_of_other_rates_keeps_its_length_across_gaps(rate: int) -> None:
    blocks, step = PcmBlockResampler(rate=16_000, length=320), rate // 50
    frames = [
        frame(level(1000, 2 * step), n * 0.02, rate=rate, layout="stereo")
        for n in range(500)
        if n % 50 < 45
    ]
    out = np.concatenate([*heard(blocks, *frames), *blocks.finish()])
    assert len(out) / 16_000 == pytest.approx(9.9, abs=0.04)
    assert abs(int(out[16_000 * 5 + 100]) - 1000) < 20
    assert not out[round(16_000 * 4.93) : round(16_000 * 4.97)].any()


def test_times_that_are_only_rounded_make_no_silence() -> None:
    blocks = PcmBlockResampler(rate=16_000, length=320)
    times = [n * 0.02 + (0.001 if n % 3 else -0.001) for n in range(100)]
    out = heard(blocks, *(frame(level(9), max(at, 0.0)) for at in times))
    assert len(out) == 100
    assert all((block == 9).all() for block in out)


def test_time_that_falls_back_or_leaps_far_is_a_new_beginning() -> None:
    blocks = PcmBlockResampler(rate=16_000, length=320)
    out = heard(blocks, frame(level(1), 50.0), frame(level(2), 0.0), frame(level(3), 500.0))
    assert [int(block[0]) for block in out] == [1, 2, 3]


def test_frames_without_time_follow_each_other() -> None:
    blocks = PcmBlockResampler(rate=16_000, length=320)
    out = heard(blocks, frame(level(1), None), frame(level(2), None))
    assert [int(block[0]) for block in out] == [1, 2]


def test_the_last_block_is_filled_up() -> None:
    blocks = PcmBlockResampler(rate=16_000, length=320)
    assert not heard(blocks, frame(level(1, 10), 0.0))
    (last,) = blocks.finish()
    assert last.tolist() == [1] * 10 + [0] * 310
    assert list(blocks.finish()) == []


def test_a_change_of_rate_loses_nothing() -> None:
    blocks = PcmBlockResampler(rate=16_000, length=320)
    out = heard(blocks, frame(level(5), 0.0), frame(level(6, 960), 0.02, rate=48_000))
    out += list(blocks.finish())
    assert [int(block[160]) for block in out[:2]] == [5, 6]
