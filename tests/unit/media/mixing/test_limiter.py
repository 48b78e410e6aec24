from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from media.mixing.blocks import RATE, SAMPLES
from media.mixing.limiter import CEILING, Limiter


def wave(amplitude: float, *pitches: float, blocks: int = 50) -> np.ndarray:
    at = np.arange(SAMPLES * blocks) / RATE
    one = sum(amplitude * np.sin(2 * np.pi * pitch * at) for pitch in pitches)
    return np.asarray(one, dtype=np.float32)[:, None]


def limited(samples: np.ndarray, limiter: Limiter | None = None) -> np.ndarray:
    limiter = limiter or Limiter()
    cut = samples.reshape(-1, SAMPLES, samples.shape[1])
    return np.concatenate([limiter.limit(block) for block in cut])


def test_what_is_not_too_loud_is_untouched() -> None:
    samples = wave(CEILING - 0.01, 440)
    assert (limited(samples) == samples).all()


@pytest.mark.parametrize("amplitude", [0.5, 1.0, 10.0, 1e6])
def test_nothing_reaches_beyond_full_scale(amplitude: float) -> None:
    assert np.abs(limited(wave(amplitude, 440, 500, 1111))).max() <= 1.0


def test_three_loud_tones_stay_clean() -> None:
    samples = wave(0.7, 400, 1000, 1700)
    found = limited(samples)[:, 0]
    spectrum = np.abs(np.fft.rfft(found[-RATE // 2 :] * np.hanning(RATE // 2)))
    tones = np.zeros(len(spectrum), dtype=bool)
    for pitch in (400, 1000, 1700):
        tones[pitch // 2 - 30 : pitch // 2 + 30] = True
    assert np.abs(samples).max() > 1.8
    # Clipping of this leaves 15 dB.
    assert 20 * np.log10(spectrum[tones].max() / spectrum[~tones].max()) > 35


def test_the_gain_comes_back_slowly() -> None:
    limiter = Limiter()
    limited(wave(2.0, 440), limiter)
    after = limited(wave(0.5, 440), limiter)
    loudness = [float(np.abs(block).max()) for block in after.reshape(-1, SAMPLES)]
    assert loudness[0] < 0.3
    assert loudness[5] < 0.45
    assert loudness[-1] == pytest.approx(0.5, abs=0.01)
    assert all(b >= a - 0.01 for a, b in pairwise(loudness))


def test_there_is_no_step_from_block_to_block() -> None:
    samples = np.concatenate([wave(0.5, 100, blocks=3), wave(3.0, 100, blocks=5)])
    steps = np.abs(np.diff(limited(samples)[:, 0]))
    # A sine of 100 Hz at full scale moves by 0.013 from one sample to the next.
    assert steps.max() < 0.05


def test_both_channels_are_turned_down_alike() -> None:
    left = wave(2.0, 440)
    found = limited(np.concatenate([left, left / 4], axis=1))
    assert np.allclose(found[2 * SAMPLES :, 0], 4 * found[2 * SAMPLES :, 1], atol=0.02)


def test_the_gain_is_down_before_what_is_loud_comes() -> None:
    block = wave(0.5, 100, blocks=1)
    block[480:] *= 6
    found = Limiter().limit(block)
    # Turned down, and nothing soft-clipped.
    assert np.abs(found).max() <= CEILING + 1e-6
    assert np.allclose(found[480:], block[480:] * (found[700] / block[700]), atol=0.2)
