"""Presentation times of what is received, across every change of stream."""

from __future__ import annotations

from peer.rtp.inbound import ReceiveTimeline


def test_times_count_from_zero() -> None:
    timeline = ReceiveTimeline()
    assert [timeline.map(t) for t in (5000, 8000)] == [0, 3000]


def test_wrap_of_the_timestamp_is_no_jump() -> None:
    timeline = ReceiveTimeline()
    timeline.map(2**32 - 1000)
    assert timeline.map(2000) == 3000


def test_timestamp_a_little_back_is_a_little_back() -> None:
    timeline = ReceiveTimeline()
    timeline.map(5000)
    timeline.map(8000)
    assert timeline.map(7000) == 2000


def test_restart_goes_on_by_the_time_that_passed() -> None:
    timeline = ReceiveTimeline()
    timeline.map(0)
    timeline.map(90_000)
    timeline.restart(elapsed_ms=500, clock_rate=90_000, former_clock_rate=90_000)
    assert timeline.map(4_000_000_000) == 90_000 + 45_000


def test_restart_in_another_clock_keeps_the_seconds() -> None:
    timeline = ReceiveTimeline()
    timeline.map(0)
    timeline.map(96_000)
    timeline.restart(elapsed_ms=1000, clock_rate=8_000, former_clock_rate=48_000)
    assert timeline.map(77) == 3 * 8_000
