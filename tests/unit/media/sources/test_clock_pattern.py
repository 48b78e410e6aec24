from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from media.planes import planes
from media.sources.clock_pattern import MARK, ClockPattern, pitch_of
from media.sources.label import read_label
from tests.support.clock.virtual_time import in_virtual_time

START = datetime(2026, 1, 2, 3, 4, 57, 500_000, tzinfo=UTC)


def pattern() -> ClockPattern:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    return ClockPattern(
        width=320, height=240, clock=lambda: START + timedelta(seconds=loop.time() - begun)
    )


@in_virtual_time
async def test_the_picture_flashes_at_each_second_that_it_shows() -> None:
    track = pattern().video
    for _ in range(120):
        frame = await track.recv()
        label = read_label(frame)
        assert label is not None
        bright = bool((planes(frame).y[:60] == 235).all())
        assert bright == (label.at.microsecond < MARK * 1e6)


@in_virtual_time
async def test_the_beep_begins_with_the_second_and_says_which() -> None:
    track = pattern().audio
    samples = np.concatenate([(await track.recv()).to_ndarray()[0] for _ in range(200)])
    for number, second in enumerate((58, 59, 0, 1)):
        begin = 24_000 + number * 48_000
        end = begin + round(MARK * 48_000)
        assert not samples[begin - 4800 : begin].any()
        assert samples[begin : begin + 48].any()
        assert not samples[end : end + 4800].any()
        spectrum = np.abs(np.fft.rfft(samples[begin:end].astype(float)))
        assert spectrum.argmax() / MARK == pytest.approx(pitch_of(second))


@in_virtual_time
async def test_it_stops() -> None:
    clock = pattern()
    for track in (clock.video, clock.audio):
        track.stop()
        with pytest.raises(MediaStreamError):
            await track.recv()
