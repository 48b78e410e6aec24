"""Capture times and presentation times of RTP timestamps."""

from __future__ import annotations

import pytest

from peer.rtp.receiving.timestamps import ReceiveTimeline, SenderClock
from peer.rtp.rtcp import to_ntp
from peer.times import UnixTime

VIDEO = 90_000


def pts(
    timeline: ReceiveTimeline, timestamp: int, arrival: float = 0.0, *, clock_rate: int = VIDEO
) -> int:
    return timeline.pts(timestamp, arrival=arrival, clock_rate=clock_rate)


def add_report(
    clock: SenderClock, timestamp: int, wall: float | None, *, clock_rate: int = VIDEO
) -> None:
    ntp_time = 0 if wall is None else to_ntp(wall)
    clock.add_report(ntp_time=ntp_time, timestamp=timestamp, clock_rate=clock_rate)


def test_presentation_times_count_from_zero() -> None:
    timeline = ReceiveTimeline()
    assert [pts(timeline, t, 0.0) for t in (5000, 8000)] == [0, 3000]


def test_wrap_of_timestamp_is_no_jump_of_presentation_time() -> None:
    timeline = ReceiveTimeline()
    pts(timeline, 2**32 - 1000, 0.0)
    assert pts(timeline, 2000, 0.0) == 3000


def test_timestamp_slightly_back_makes_presentation_time_slightly_back() -> None:
    timeline = ReceiveTimeline()
    assert [pts(timeline, t, 0.0) for t in (5000, 8000, 7000)] == [
        0,
        3000,
        2000,
    ]


def test_restarted_timeline_goes_on_by_elapsed_time() -> None:
    timeline = ReceiveTimeline()
    pts(timeline, 0, 10.0)
    pts(timeline, 90_000, 11.0)
    timeline.restart()
    assert pts(timeline, 4_000_000_000, 11.5) == 90_000 + 45_000


def test_restarted_timeline_rises_without_elapsed_time() -> None:
    timeline = ReceiveTimeline()
    pts(timeline, 0, 10.0)
    timeline.restart()
    assert pts(timeline, 4_000_000_000, 10.0) == 1


def test_timeline_with_another_clock_rate_keeps_seconds() -> None:
    timeline = ReceiveTimeline()
    pts(timeline, 0, 10.0, clock_rate=48_000)
    pts(timeline, 96_000, 12.0, clock_rate=48_000)
    assert pts(timeline, 77, 13.0, clock_rate=8_000) == 3 * 8_000


def test_unexplained_jump_of_timestamps_restarts_timeline() -> None:
    timeline = ReceiveTimeline()
    pts(timeline, 0, 10.0)
    assert pts(timeline, 2_000_000_000, 10.5) == 45_000


def test_timeline_keeps_pause_of_stream() -> None:
    timeline = ReceiveTimeline()
    pts(timeline, 0, 10.0)
    assert pts(timeline, 60 * VIDEO, 70.0) == 60 * VIDEO


WALL = 1_700_000_000.0


def test_capture_time_is_unknown_before_sender_report() -> None:
    clock = SenderClock()
    assert clock.capture_time(0, clock_rate=48_000) is None


def test_capture_time_is_interpolated_from_sender_report() -> None:
    clock = SenderClock()
    add_report(clock, 48_000, WALL, clock_rate=48_000)
    assert clock.capture_time(72_000, clock_rate=48_000) == pytest.approx(WALL + 0.5, abs=1e-3)
    assert clock.capture_time(24_000, clock_rate=48_000) == pytest.approx(WALL - 0.5, abs=1e-3)


def test_capture_time_survives_wrap_of_timestamp() -> None:
    clock = SenderClock()
    add_report(clock, 2**32 - 480, WALL, clock_rate=48_000)
    assert clock.capture_time(480, clock_rate=48_000) == pytest.approx(WALL + 0.02, abs=1e-3)


def test_sender_report_without_ntp_time_gives_no_capture_time() -> None:
    clock = SenderClock()
    add_report(clock, 48_000, None, clock_rate=48_000)
    assert clock.capture_time(48_000, clock_rate=48_000) is None


def test_drift_of_sender_clock_is_measured() -> None:
    clock = SenderClock()
    rate = 90_000 * 1.0005
    for second in range(0, 9, 2):
        clock.add_report(
            ntp_time=to_ntp(WALL + second), timestamp=int(second * rate), clock_rate=90_000
        )
    assert clock.capture_time(int(18 * rate), clock_rate=90_000) == pytest.approx(
        WALL + 18, abs=0.0005
    )


def test_impossible_clock_rate_is_not_believed() -> None:
    clock = SenderClock()
    add_report(clock, 0, WALL)
    add_report(clock, 50_000, WALL + 5)
    assert clock.capture_time(50_000 + 90_000, clock_rate=90_000) == pytest.approx(
        WALL + 6, abs=1e-3
    )


def test_sender_clock_that_was_set_is_followed() -> None:
    clock = SenderClock()
    add_report(clock, 0, WALL)
    add_report(clock, 90_000, WALL - 100)
    found = clock.capture_time(90_000, clock_rate=VIDEO)
    assert found == pytest.approx(WALL - 100, abs=1e-3)


def test_absolute_capture_time_is_preferred_to_sender_reports() -> None:
    clock = SenderClock()
    add_report(clock, 0, WALL)
    clock.add_capture_time(90_000, UnixTime(WALL - 7))
    add_report(clock, 180_000, WALL + 2)
    found = clock.capture_time(180_000, clock_rate=VIDEO)
    assert found == pytest.approx(WALL - 6, abs=1e-3)
