"""Presentation times of what is received, across every change of stream."""

from __future__ import annotations

import pytest

from peer.rtp.receiving.timestamps import ReceiveTimeline, SenderClock
from peer.rtp.rtcp import to_ntp

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


WALL = 1_700_000_000.0


def test_nothing_is_known_before_a_report() -> None:
    clock = SenderClock()
    assert clock.wall(0, 48_000) is None
    assert clock.local(WALL) is None


def test_a_timestamp_is_as_far_from_the_report_as_its_ticks() -> None:
    clock = SenderClock()
    clock.report(to_ntp(WALL), 48_000, 10.0, 48_000)
    assert clock.wall(72_000, 48_000) == pytest.approx(WALL + 0.5, abs=1e-3)
    assert clock.wall(24_000, 48_000) == pytest.approx(WALL - 0.5, abs=1e-3)


def test_the_timestamp_may_wrap_after_the_report() -> None:
    clock = SenderClock()
    clock.report(to_ntp(WALL), 2**32 - 480, 10.0, 48_000)
    assert clock.wall(480, 48_000) == pytest.approx(WALL + 0.02, abs=1e-3)


def test_a_sender_without_a_clock_tells_nothing() -> None:
    clock = SenderClock()
    clock.report(0, 48_000, 10.0, 48_000)
    assert clock.wall(48_000, 48_000) is None


def test_a_clock_that_drifts_is_measured() -> None:
    clock = SenderClock()
    rate = 90_000 * 1.0005
    for second in range(0, 9, 2):
        clock.report(to_ntp(WALL + second), int(second * rate), 10.0 + second, 90_000)
    assert clock.wall(int(18 * rate), 90_000) == pytest.approx(WALL + 18, abs=0.0005)


def test_a_rate_that_no_clock_has_is_not_believed() -> None:
    clock = SenderClock()
    clock.report(to_ntp(WALL), 0, 10.0, 90_000)
    clock.report(to_ntp(WALL + 5), 50_000, 15.0, 90_000)
    assert clock.wall(50_000 + 90_000, 90_000) == pytest.approx(WALL + 6, abs=1e-3)


def test_a_clock_that_was_set_is_taken_as_it_is() -> None:
    clock = SenderClock()
    clock.report(to_ntp(WALL), 0, 10.0, 90_000)
    clock.report(to_ntp(WALL - 100), 90_000, 11.0, 90_000)
    assert clock.wall(90_000, 90_000) == pytest.approx(WALL - 100, abs=1e-3)
    assert clock.local(WALL - 100) == pytest.approx(11.0)


def test_ours_is_told_by_the_fastest_report() -> None:
    clock = SenderClock()
    clock.report(to_ntp(WALL), 0, 10.3, 90_000)
    clock.report(to_ntp(WALL + 1), 90_000, 11.05, 90_000)
    clock.report(to_ntp(WALL + 2), 180_000, 12.2, 90_000)
    assert clock.local(WALL + 3) == pytest.approx(13.05)


def test_an_absolute_capture_time_is_preferred_to_reports() -> None:
    clock = SenderClock()
    clock.report(to_ntp(WALL), 0, 10.0, 90_000)
    clock.capture(90_000, WALL - 7)
    clock.report(to_ntp(WALL + 2), 180_000, 12.0, 90_000)
    assert clock.wall(180_000, 90_000) == pytest.approx(WALL - 6, abs=1e-3)
