"""From RTP timestamps to the sender's wall clock, and to ours."""

from __future__ import annotations

import pytest

from peer.rtp.receiving.clock import SenderClock
from peer.rtp.rtcp import to_ntp

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
