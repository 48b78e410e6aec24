"""The rate control of each video library, without the library."""

from __future__ import annotations

from itertools import pairwise

import pytest

from peer.rtp.codecs.rate_control import (
    FRAMERATE,
    SETTLING_TIME,
    ContextRateControl,
    EncoderRateControl,
    FrameDropRateControl,
    TimestampRateControl,
)

TARGET = 600_000
USUAL = 1 / 30


def run(
    rate: EncoderRateControl, target: int, seconds: float, interval: float = USUAL
) -> list[bool]:
    """Run the rate control, and return for each frame whether it is encoded."""
    count = round(seconds / interval)
    return [
        not rate.on_frame(target, interval=interval, mean_interval=interval).drop
        for _ in range(count)
    ]


class TestTimestampRateControl:
    def test_time_advances_in_proportion_to_the_target(self) -> None:
        rate = TimestampRateControl()
        assert rate.on_open(TARGET, USUAL) == TARGET
        assert rate.on_frame(TARGET, interval=USUAL, mean_interval=USUAL).advance == pytest.approx(
            USUAL
        )
        assert rate.on_frame(
            TARGET // 2, interval=USUAL, mean_interval=USUAL
        ).advance == pytest.approx(USUAL / 2)
        assert rate.on_frame(
            TARGET * 2, interval=0.1, mean_interval=USUAL
        ).advance == pytest.approx(0.2)

    def test_encoder_is_not_reopened_within_reach(self) -> None:
        rate = TimestampRateControl()
        rate.on_open(TARGET, USUAL)
        run(rate, TARGET, 60)
        assert not rate.should_reopen(round(TARGET * 2.9), USUAL, keyframe=False)
        assert not rate.should_reopen(round(TARGET / 2.9), USUAL, keyframe=False)

    @pytest.mark.parametrize("factor", [3.1, 1 / 3.1])
    def test_encoder_is_reopened_out_of_reach_once_settled(self, factor: float) -> None:
        rate = TimestampRateControl()
        rate.on_open(TARGET, USUAL)
        run(rate, TARGET, SETTLING_TIME - 0.5)
        assert not rate.should_reopen(round(TARGET * factor), USUAL, keyframe=False)
        run(rate, TARGET, 1.0)
        assert rate.should_reopen(round(TARGET * factor), USUAL, keyframe=False)

    def test_due_keyframe_is_used_to_reopen(self) -> None:
        rate = TimestampRateControl()
        rate.on_open(TARGET, USUAL)
        assert rate.should_reopen(TARGET * 2, USUAL, keyframe=True)
        assert not rate.should_reopen(round(TARGET * 1.3), USUAL, keyframe=True)


class TestContextRateControl:
    def test_encoder_opens_with_headroom_and_is_set_after_the_first_frame(self) -> None:
        rate = ContextRateControl()
        assert rate.on_open(TARGET, USUAL) == 2 * TARGET
        assert rate.on_frame(TARGET, interval=USUAL, mean_interval=USUAL).bit_rate is None
        assert rate.on_frame(TARGET, interval=USUAL, mean_interval=USUAL).bit_rate == TARGET
        assert rate.on_frame(TARGET, interval=USUAL, mean_interval=USUAL).bit_rate is None

    def test_small_changes_are_not_passed_on(self) -> None:
        rate = ContextRateControl()
        rate.on_open(TARGET, USUAL)
        run(rate, TARGET, 1)
        assert (
            rate.on_frame(round(TARGET * 1.02), interval=USUAL, mean_interval=USUAL).bit_rate
            is None
        )
        assert rate.on_frame(
            round(TARGET * 1.1), interval=USUAL, mean_interval=USUAL
        ).bit_rate == round(TARGET * 1.1)

    def test_frames_may_cost_more_where_fewer_come(self) -> None:
        rate = ContextRateControl()
        rate.on_open(TARGET, USUAL)
        run(rate, TARGET, 1, interval=1 / 30)
        assert rate.on_frame(TARGET // 2, interval=1 / 15, mean_interval=1 / 15).bit_rate is None
        assert (
            rate.on_frame(TARGET // 4, interval=1 / 15, mean_interval=1 / 15).bit_rate
            == TARGET // 2
        )

    def test_encoder_opens_for_the_frame_rate(self) -> None:
        rate = ContextRateControl()
        assert rate.on_open(TARGET, 1 / 10) == 6 * TARGET
        run(rate, TARGET, 5, interval=1 / 10)
        assert not rate.should_reopen(TARGET * 2, 1 / 10, keyframe=False)

    def test_bit_rate_never_exceeds_that_at_opening(self) -> None:
        rate = ContextRateControl()
        ceiling = rate.on_open(TARGET, USUAL)
        run(rate, TARGET, 1)
        assert rate.on_frame(TARGET * 5, interval=USUAL, mean_interval=USUAL).bit_rate == ceiling

    def test_encoder_is_reopened_above_its_ceiling_once_settled(self) -> None:
        rate = ContextRateControl()
        ceiling = rate.on_open(TARGET, USUAL)
        run(rate, TARGET, SETTLING_TIME - 0.5)
        assert not rate.should_reopen(ceiling + 1, USUAL, keyframe=False)
        run(rate, TARGET, 1)
        assert rate.should_reopen(ceiling + 1, USUAL, keyframe=False)
        assert not rate.should_reopen(ceiling, USUAL, keyframe=False)


class TestFrameDropRateControl:
    def test_no_frame_is_dropped_at_the_opened_bitrate(self) -> None:
        rate = FrameDropRateControl()
        assert rate.on_open(TARGET, USUAL) == TARGET
        assert all(run(rate, TARGET, 10))

    def test_frames_are_dropped_below_the_opened_bitrate(self) -> None:
        rate = FrameDropRateControl()
        rate.on_open(TARGET, USUAL)
        encoded = run(rate, TARGET * 7 // 10, 10)
        assert sum(encoded) == pytest.approx(0.7 * len(encoded), abs=2)
        assert (False, False) not in set(pairwise(encoded))

    @pytest.mark.parametrize("factor", [1.6, 0.5])
    def test_encoder_is_reopened_far_from_its_bitrate_once_settled(self, factor: float) -> None:
        rate = FrameDropRateControl()
        rate.on_open(TARGET, USUAL)
        run(rate, TARGET, rate.SETTLING_TIME - 0.5)
        assert not rate.should_reopen(round(TARGET * factor), USUAL, keyframe=False)
        run(rate, TARGET, 1)
        assert rate.should_reopen(round(TARGET * factor), USUAL, keyframe=False)

    def test_half_the_frames_may_cost_twice_as_much(self) -> None:
        rate = FrameDropRateControl()
        rate.on_open(TARGET, USUAL)
        run(rate, TARGET, 10, interval=1 / 15)
        assert rate.should_reopen(TARGET, 1 / 15, keyframe=False)
        assert rate.on_open(TARGET, 1 / 15) == pytest.approx(TARGET * FRAMERATE / 15)
        assert not rate.should_reopen(TARGET, 1 / 15, keyframe=True)
        assert all(run(rate, TARGET, 10, interval=1 / 15))
