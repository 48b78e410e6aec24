"""Intervals between video frames of regular and irregular times."""

from __future__ import annotations

from fractions import Fraction

import pytest

from peer.rtp.codecs.frame_interval import LONGEST, SHORTEST, USUAL, FrameIntervalEstimator


def test_frame_intervals_follow_the_times() -> None:
    time = FrameIntervalEstimator()
    assert time.advance(Fraction(5)) == USUAL
    assert time.advance(Fraction(51, 10)) == pytest.approx(0.1)


@pytest.mark.parametrize("second", [Fraction(5), Fraction(1), None])
def test_frame_interval_is_usual_where_times_do_not_rise(second: Fraction | None) -> None:
    time = FrameIntervalEstimator()
    time.advance(Fraction(5))
    assert time.advance(second) == USUAL


def test_frame_interval_is_bounded() -> None:
    time = FrameIntervalEstimator()
    time.advance(Fraction(0))
    assert time.advance(Fraction(3600)) == LONGEST
    assert time.advance(Fraction(3600) + Fraction(1, 90_000)) == SHORTEST


def test_mean_frame_interval_follows() -> None:
    time = FrameIntervalEstimator()
    for index in range(200):
        time.advance(Fraction(index, 10))
    assert time.mean == pytest.approx(0.1, rel=0.01)
