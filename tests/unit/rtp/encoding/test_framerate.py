"""The frame rate limit picks frames evenly."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise

import pytest

from peer.rtp.encoding.framerate import FramerateLimiter


def taken(limit: float | None, times: list[Fraction]) -> list[Fraction]:
    limiter = FramerateLimiter(limit)
    kept = []
    for time in times:
        if limiter.is_due(time):
            limiter.on_encoded(time)
            kept.append(time)
    return kept


def steady(framerate: int, seconds: int, *, begin: int = 0) -> list[Fraction]:
    return [begin + Fraction(index, framerate) for index in range(framerate * seconds)]


def test_framerate_without_limit_takes_all_frames() -> None:
    assert len(taken(None, steady(60, 2))) == 120


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(30.0, 300), (60.0, 300), (15.0, 150), (20.0, 200), (7.5, 75), (1.0, 10)],
)
def test_framerate_limit_keeps_the_mean(limit: float, expected: int) -> None:
    assert len(taken(limit, steady(30, 10))) == pytest.approx(expected, abs=1)


def test_framerate_limit_tolerates_jitter() -> None:
    rng = random.Random(3)
    times = [time + Fraction(rng.randint(-3, 3), 1000) for time in steady(30, 10)]
    assert len(taken(30.0, times)) >= 295


def test_framerate_limit_takes_frames_evenly() -> None:
    times = taken(10.0, steady(30, 5))
    gaps = {b - a for a, b in pairwise(times)}
    assert gaps == {Fraction(1, 10)}


def test_framerate_limit_gives_no_credit_for_a_pause() -> None:
    after = taken(10.0, steady(30, 1) + steady(30, 1, begin=60))
    assert len([time for time in after if time >= 60]) == pytest.approx(10, abs=1)


def test_framerate_limit_restarts_when_times_go_back() -> None:
    assert len(taken(10.0, steady(30, 1, begin=500) + steady(30, 1))) == pytest.approx(20, abs=1)
