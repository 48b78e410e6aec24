from __future__ import annotations

import math

import pytest
from av import AudioFrame

from media import Tone, ToneMeter
from tests.support.media.frames import SAMPLE_RATE, flat_picture, tone


@pytest.mark.parametrize("pitch", [80.0, 261.63, 440.0, 1000.0, 7040.0])
def test_finds_the_pitch(pitch: float) -> None:
    meter = ToneMeter()

    meter.hear(tone(pitch, 0.6))

    assert meter.measure().pitch == pytest.approx(pitch, abs=0.5)


@pytest.mark.parametrize("channels", [1, 2])
def test_level_is_the_root_mean_square(channels: int) -> None:
    meter = ToneMeter()

    meter.hear(tone(440, 0.5, amplitude=0.5, channels=channels))

    assert meter.measure().level == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=0.05)


def test_the_last_tone_counts() -> None:
    meter = ToneMeter(window=0.2)

    for pitch in [440, 440, 880, 880]:
        meter.hear(tone(pitch, 0.1))

    assert meter.measure().pitch == pytest.approx(880, abs=2)


def test_holds_no_more_than_its_window() -> None:
    meter = ToneMeter(window=0.1)
    frame = tone(440, 0.02)

    for _ in range(1_000):
        meter.hear(frame)

    assert sum(len(chunk) for chunk in meter._chunks) <= 0.12 * SAMPLE_RATE  # noqa: SLF001 - the bound


def test_a_new_sample_rate_starts_afresh() -> None:
    meter = ToneMeter()
    other = tone(440, 0.3)
    other.sample_rate = 16_000

    meter.hear(tone(440, 0.3))
    meter.hear(other)

    assert meter.measure().pitch == pytest.approx(440 * 16_000 / SAMPLE_RATE, abs=1)


def test_silence_has_no_pitch() -> None:
    meter = ToneMeter()
    meter.hear(tone(440, 0.1, amplitude=0))

    assert meter.measure() == Tone(pitch=None, level=-96.0)


def test_nothing_heard_is_silence() -> None:
    assert ToneMeter().measure() == Tone(pitch=None, level=-96.0)


def test_an_empty_frame_changes_nothing() -> None:
    meter = ToneMeter()
    empty = AudioFrame(format="s16", layout="mono", samples=0)
    empty.sample_rate = SAMPLE_RATE

    meter.hear(empty)

    assert meter.measure().pitch is None


def test_a_picture_is_passed_over() -> None:
    meter = ToneMeter()

    meter.hear(flat_picture(16, 16))

    assert meter.measure().pitch is None
