from __future__ import annotations

from datetime import time

import numpy as np
import pytest
from av import VideoFrame

from media.overlay import draw
from media.sources.label import Label, read_label
from tests.support.media.frames import flat_picture


@pytest.mark.parametrize("size", [(240, 136), (320, 240), (640, 480), (854, 480), (1280, 720)])
def test_what_was_drawn_is_read(size: tuple[int, int]) -> None:
    frame = flat_picture(*size)
    draw(frame, "23:59:08.041 FRAME 001207")
    assert read_label(frame) == Label(time(23, 59, 8, 41_000), 1207)


def test_noise_as_of_a_codec_does_not_matter() -> None:
    frame = flat_picture(640, 480)
    draw(frame, "01:23:45.678 FRAME 987650")
    noisy = frame.to_ndarray(format="yuv420p").astype(int)
    noisy += np.random.default_rng(1).integers(-60, 60, noisy.shape)
    again = VideoFrame.from_ndarray(noisy.clip(16, 235).astype(np.uint8), format="yuv420p")
    assert read_label(again) == Label(time(1, 23, 45, 678_000), 987_650)


@pytest.mark.parametrize("size", [(640, 480), (16, 16), (2, 2)])
def test_no_label_is_no_label(size: tuple[int, int]) -> None:
    assert read_label(flat_picture(*size)) is None


def test_a_time_that_cannot_be_is_none() -> None:
    frame = flat_picture(320, 240)
    draw(frame, "29:59:08.041 FRAME 001207")
    assert read_label(frame) is None
