from __future__ import annotations

import numpy as np
import pytest
from av import AudioFrame

from media.mixing.blocks import RATE, SAMPLES, Block, BlockResampler


def frame(
    rate: int, layout: str, form: str, seconds: float = 0.02, amplitude: float = 0.5
) -> AudioFrame:
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    at = np.arange(int(rate * seconds)) / rate
    wave = amplitude * np.sin(2 * np.pi * 1000 * at)
    wave = wave if form.startswith("flt") else wave * 32767
    kind = np.float32 if form.startswith("flt") else np.int16
    samples = np.tile(wave, (channels, 1)).astype(kind)
    if not form.endswith("p"):
        samples = samples.T.reshape(1, -1)
    made = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format=form, layout=layout)
    made.sample_rate = rate
    return made


def loudness(blocks: list[Block | None]) -> float:
    heard = [block for block in blocks if block is not None]
    return float(np.sqrt(np.mean(np.concatenate(heard) ** 2)))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize("form", ["s16", "s16p", "flt", "fltp"])
@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000, 96000])
def test_any_sound_becomes_blocks_as_loud(rate: int, form: str, layout: str, channels: int) -> None:
    found = BlockResampler(channels).cut(frame(rate, layout, form, seconds=1))
    assert len(found) in (49, 50)
    assert all(b is not None and b.shape == (SAMPLES, channels) for b in found)
    assert loudness(found) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)


def test_short_frames_are_gathered() -> None:
    blocks = BlockResampler(1)
    assert [len(blocks.cut(frame(RATE, "mono", "s16", 0.01))) for _ in range(4)] == [0, 1, 0, 1]


def test_another_rate_and_layout_in_between() -> None:
    blocks = BlockResampler(2)
    for form in ((16000, "mono", "s16"), (48000, "stereo", "fltp"), (48000, "5.1", "s16")):
        found = blocks.cut(frame(*form, seconds=0.2))
        assert 8 <= len(found) <= 10
        assert all(b is not None and b.shape == (SAMPLES, 2) for b in found)


def test_silence_is_nothing() -> None:
    assert BlockResampler(1).cut(frame(RATE, "mono", "s16", 0.04, amplitude=0)) == [None, None]


def test_what_is_no_number_is_no_sound() -> None:
    samples = np.full((1, SAMPLES), np.nan, dtype=np.float32)
    samples[0, 0] = 0.25
    made = AudioFrame.from_ndarray(samples, format="flt", layout="mono")
    made.sample_rate = RATE
    (found,) = BlockResampler(1).cut(made)
    assert found is not None
    assert found[0, 0] == 0.25
    assert not found[1:].any()


def test_the_frame_is_left_as_it_is() -> None:
    given = frame(RATE, "stereo", "s16")
    given.pts = 12345
    before = given.to_ndarray().copy()
    BlockResampler(1).cut(given)
    assert given.pts == 12345
    assert (given.to_ndarray() == before).all()
