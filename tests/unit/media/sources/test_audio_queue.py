from __future__ import annotations

import numpy as np
import pytest

from media.sources.audio_queue import AudioQueue


def ramp(count: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.arange(1, count + 1, dtype=np.int16)


def test_samples_come_in_their_order_and_then_silence() -> None:
    queue = AudioQueue(1)
    queue.push(ramp(2_000), 48_000)
    queue.push(ramp(4), 48_000)
    assert queue.pull(2_002)[:, 0].tolist() == [*range(1, 2_001), 1, 2]
    assert not queue.empty
    assert queue.pull(5)[:, 0].tolist() == [3, 4, 0, 0, 0]
    assert queue.empty


def test_sound_begins_when_40_ms_are_queued_or_have_passed() -> None:
    queue = AudioQueue(1)
    assert not queue.pull(4_800).any()
    queue.push(ramp(960), 48_000)
    assert not queue.pull(960).any()
    queue.push(ramp(960), 48_000)
    assert queue.pull(960).all()
    assert queue.pull(960).all()
    assert not queue.pull(48_000).any()
    queue.push(ramp(960), 48_000)
    assert [bool(queue.pull(960).any()) for _ in range(4)] == [False, False, True, False]


def test_sound_that_comes_late_doubles_the_margin_up_to_200_ms_and_a_pause_does_not() -> None:
    queue = AudioQueue(1)
    margins = []
    for _ in range(5):
        queue.push(ramp(9_600), 48_000)
        assert queue.pull(9_601)[:9_600].all()
        margins.append(queue.margin)
    assert margins == [0.04, 0.08, 0.16, 0.2, 0.2]
    paused = AudioQueue(1)
    for _ in range(3):
        paused.push(ramp(9_600), 48_000)
        assert paused.pull(9_601)[:9_600].all()
        paused.pull(48_000)
    assert paused.margin == 0.04


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100])
def test_other_rates_last_as_long_and_sound_the_same(rate: int) -> None:
    queue = AudioQueue(1)
    wave = (10_000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype(np.int16)
    for part in np.array_split(wave, 37):
        queue.push(part, rate)
    out = queue.pull(48_000 + 480)[:, 0].astype(float)
    assert queue.empty
    assert np.abs(out[48_100:]).max() < 100
    spectrum = np.abs(np.fft.rfft(out[:48_000]))
    assert int(spectrum.argmax()) == 440
    assert out[:48_000].std() == pytest.approx(10_000 / 2**0.5, rel=0.02)


def test_stereo_becomes_mono_and_mono_stereo() -> None:
    mono, stereo = AudioQueue(1), AudioQueue(2)
    mono.push(np.full((4800, 2), 1000, np.int16), 48_000)
    stereo.push(np.full(4800, 1000, np.int16), 48_000)
    assert abs(int(mono.pull(4800)[2400, 0]) - 1000) < 5
    middle = stereo.pull(4800)[2400]
    assert middle[0] == middle[1]
    assert middle[0] > 600


def test_a_change_of_rate_loses_nothing() -> None:
    queue = AudioQueue(1)
    queue.push(np.full(1600, 1000, np.int16), 16_000)
    queue.push(np.full(4800, 2000, np.int16), 48_000)
    assert queue.seconds == pytest.approx(0.2, abs=0.001)
    out = queue.pull(9600)[:, 0]
    assert (abs(int(out[2400]) - 1000) < 5, out[7200]) == (True, 2000)


def test_clear_leaves_nothing() -> None:
    queue = AudioQueue(1)
    queue.push(ramp(1600), 16_000)
    queue.clear()
    assert queue.empty
    assert not queue.pull(960).any()
    assert queue.margin == 0.04


def test_what_is_pushed_is_copied() -> None:
    queue, samples = AudioQueue(1), ramp(1_920)
    queue.push(samples, 48_000)
    samples[:] = 0
    assert queue.pull(4).any()
