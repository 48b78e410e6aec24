"""The loss-based rate (draft-ietf-rmcat-gcc-02 section 6)."""

from __future__ import annotations

import pytest

from peer.rtp.congestion.loss_based import (
    HEAVY_PACKETS,
    REDUCTION_INTERVAL,
    WINDOW_LIMIT,
    LossBasedController,
    LossWindow,
)

CEILING = 10e6


def update(
    control: LossBasedController, fraction: float, now: float, *, ceiling: float = CEILING
) -> None:
    control.update(fraction, target=1e6, ceiling=ceiling, round_trip_time=0.1, now=now)


def test_heavy_loss_reduces_rate_by_half_of_the_loss() -> None:
    control = LossBasedController(1e6)
    update(control, 0.2, 1.0)
    assert control.bitrate == pytest.approx(0.9e6)
    assert control.limited


def test_loss_reduces_the_target_where_that_is_lower() -> None:
    control = LossBasedController(5e6)
    update(control, 0.2, 1.0)
    assert control.bitrate == pytest.approx(0.9e6)


def test_loss_reduces_the_target_while_loss_limits_nothing() -> None:
    control = LossBasedController(0.3e6)
    update(control, 0.2, 1.0)
    assert control.bitrate == pytest.approx(0.9e6)
    update(control, 0.2, 2.0)
    assert control.bitrate == pytest.approx(0.81e6)


def test_loss_reduces_rate_once_per_round_trip() -> None:
    control = LossBasedController(1e6)
    update(control, 0.2, 1.0)
    update(control, 0.2, 0.99 + REDUCTION_INTERVAL + 0.1)
    assert control.bitrate == pytest.approx(0.9e6)
    update(control, 0.2, 1.01 + REDUCTION_INTERVAL + 0.1)
    assert control.bitrate == pytest.approx(0.81e6)


def follow(control: LossBasedController, fraction: float, *, seconds: int, first: int = 0) -> None:
    """Lose the same part of whatever is sent."""
    for second in range(first, first + seconds):
        control.update(
            fraction, target=control.bitrate, ceiling=CEILING, round_trip_time=0.1, now=second
        )


def test_loss_unaffected_by_half_the_rate_stops_reductions() -> None:
    control = LossBasedController(1e6)
    follow(control, 0.2, seconds=60)
    assert control.bitrate == pytest.approx(0.5e6)
    assert control.limited


def test_loss_reduces_rate_while_that_helps() -> None:
    control = LossBasedController(1e6)
    follow(control, 0.5, seconds=2)
    follow(control, 0.15, seconds=20, first=2)
    assert control.bitrate < 0.3e6


def test_new_loss_episode_reduces_rate_again() -> None:
    control = LossBasedController(1e6)
    follow(control, 0.2, seconds=60)
    follow(control, 0.0, seconds=1, first=60)
    follow(control, 0.2, seconds=60, first=61)
    assert control.bitrate < 0.3e6


def test_medium_loss_holds_the_rate() -> None:
    control = LossBasedController(1e6)
    for second in range(10):
        update(control, 0.05, second)
    assert control.bitrate == 1e6
    assert not control.limited


def test_low_loss_grows_rate_by_8_percent_per_second() -> None:
    control = LossBasedController(1e6)
    for tenth in range(101):
        update(control, 0.01, tenth / 10)
    assert control.bitrate == pytest.approx(1e6 * 1.08**10, rel=0.02)


def test_pause_grows_loss_based_rate_by_one_window() -> None:
    control = LossBasedController(1e6)
    update(control, 0.0, 0.0)
    update(control, 0.0, 3600.0)
    assert control.bitrate == pytest.approx(1e6 * 1.08**WINDOW_LIMIT, rel=0.01)


def test_loss_limit_ends_at_the_ceiling() -> None:
    control = LossBasedController(1e6)
    update(control, 0.2, 0.0)
    for second in range(1, 30):
        update(control, 0.0, second, ceiling=1.5e6)
    assert control.bitrate == 1.5e6
    assert not control.limited


def test_loss_window_ends_after_a_second_with_enough_packets() -> None:
    window = LossWindow()
    found = [window.add(expected=20, lost=1, now=tenth / 10) for tenth in range(11)]
    assert found[:10] == [None] * 10
    assert found[10] == pytest.approx(0.05)


def test_loss_window_of_few_packets_takes_longer() -> None:
    window = LossWindow()
    found = {
        tenth: window.add(expected=2, lost=tenth % 5 == 0, now=tenth / 10) for tenth in range(25)
    }
    last = int(10 * WINDOW_LIMIT)
    assert [tenth for tenth, fraction in found.items() if fraction is not None] == [last]
    assert found[last] == pytest.approx(0.1, rel=0.2)


def test_heavy_loss_ends_loss_window_early() -> None:
    window = LossWindow()
    assert window.add(expected=30, lost=0, now=0.0) is None
    assert window.add(expected=30, lost=HEAVY_PACKETS, now=0.4) == pytest.approx(HEAVY_PACKETS / 60)


def test_late_arrivals_are_subtracted_from_loss() -> None:
    window = LossWindow()
    window.add(expected=100, lost=10, now=0.0)
    assert window.add(expected=100, lost=-10, now=1.0) == 0.0


def test_late_arrivals_make_up_for_later_losses() -> None:
    window = LossWindow()
    window.add(expected=100, lost=0, now=0.0)
    assert window.add(expected=0, lost=-5, now=1.0) == 0.0
    window.add(expected=100, lost=5, now=1.5)
    assert window.add(expected=100, lost=5, now=2.5) == pytest.approx(5 / 200)


def test_loss_window_without_packets_does_not_end() -> None:
    window = LossWindow()
    assert [window.add(expected=0, lost=0, now=second) for second in range(5)] == [None] * 5
