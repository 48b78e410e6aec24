"""How late frames come after the fastest."""

from __future__ import annotations

import pytest

from peer.rtp.receiving.lateness import BASE_WINDOW, SAMPLE_LIMIT, WINDOW, Lateness


def test_the_fastest_frame_is_not_late() -> None:
    lateness = Lateness()
    lateness.add(-500.0, 10.0)
    assert lateness.add(-499.9, 10.1) == pytest.approx(0.1)
    assert lateness.add(-500.2, 10.2) == 0.0


def test_a_rare_late_frame_is_not_in_the_percentile() -> None:
    lateness = Lateness()
    for index in range(60):
        lateness.add(0.5 if index == 30 else 0.0, 10.0 + index / 30)
    assert lateness.percentile() == 0.0


def test_frequent_late_frames_are() -> None:
    lateness = Lateness()
    for index in range(60):
        lateness.add(0.1 if index % 10 == 0 else 0.0, 10.0 + index / 30)
    assert lateness.percentile() == pytest.approx(0.1)


def test_what_was_long_ago_is_forgotten() -> None:
    lateness = Lateness()
    for index in range(30):
        lateness.add(0.1 * (index % 2), 10.0 + index / 30)
    for index in range(30):
        lateness.add(0.0, 11.0 + WINDOW + index / 30)
    assert lateness.percentile() == 0.0


def test_a_way_that_became_longer_is_noticed() -> None:
    lateness = Lateness()
    lateness.add(0.0, 10.0)
    for index in range(int(BASE_WINDOW * 30) + 60):
        lateness.add(0.05, 10.0 + index / 30)
    assert lateness.base == 0.05
    assert lateness.percentile() == 0.0


def test_a_leap_begins_anew() -> None:
    lateness = Lateness()
    lateness.add(0.0, 10.0)
    assert lateness.add(100.0, 10.1) == 0.0
    assert lateness.percentile() == 0.0


def test_only_so_many_are_remembered() -> None:
    lateness = Lateness()
    for _ in range(SAMPLE_LIMIT):
        lateness.add(0.5, 10.0)
    for _ in range(SAMPLE_LIMIT):
        lateness.add(0.0, 10.0)
    assert lateness.percentile() == 0.0
