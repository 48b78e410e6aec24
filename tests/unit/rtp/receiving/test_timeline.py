"""Presentation times of what is received, across every change of stream."""

from __future__ import annotations

from peer.rtp.receiving.timeline import ReceiveTimeline

VIDEO = 90_000


def test_times_count_from_zero() -> None:
    timeline = ReceiveTimeline()
    assert [timeline.map(t, 0.0, VIDEO) for t in (5000, 8000)] == [0, 3000]


def test_wrap_of_the_timestamp_is_no_jump() -> None:
    timeline = ReceiveTimeline()
    timeline.map(2**32 - 1000, 0.0, VIDEO)
    assert timeline.map(2000, 0.0, VIDEO) == 3000


def test_timestamp_a_little_back_is_a_little_back() -> None:
    timeline = ReceiveTimeline()
    assert [timeline.map(t, 0.0, VIDEO) for t in (5000, 8000, 7000)] == [0, 3000, 2000]


def test_restart_goes_on_by_the_time_that_passed() -> None:
    timeline = ReceiveTimeline()
    timeline.map(0, 10.0, VIDEO)
    timeline.map(90_000, 11.0, VIDEO)
    timeline.restart()
    assert timeline.map(4_000_000_000, 11.5, VIDEO) == 90_000 + 45_000


def test_restart_rises_where_no_time_passed() -> None:
    timeline = ReceiveTimeline()
    timeline.map(0, 10.0, VIDEO)
    timeline.restart()
    assert timeline.map(4_000_000_000, 10.0, VIDEO) == 1


def test_another_clock_keeps_the_seconds() -> None:
    timeline = ReceiveTimeline()
    timeline.map(0, 10.0, 48_000)
    timeline.map(96_000, 12.0, 48_000)
    assert timeline.map(77, 13.0, 8_000) == 3 * 8_000


def test_a_leap_that_no_time_explains_is_a_new_beginning() -> None:
    timeline = ReceiveTimeline()
    timeline.map(0, 10.0, VIDEO)
    assert timeline.map(2_000_000_000, 10.5, VIDEO) == 45_000


def test_a_pause_of_the_stream_is_kept() -> None:
    timeline = ReceiveTimeline()
    timeline.map(0, 10.0, VIDEO)
    assert timeline.map(60 * VIDEO, 70.0, VIDEO) == 60 * VIDEO
