"""How encoders follow a bitrate, each in its way, without a library."""

from __future__ import annotations

from itertools import pairwise

import pytest

from peer.rtp.codecs.rate import FRAMERATE, SETTLED, ByContext, ByLeavingOut, ByTime, RateControl

TARGET = 600_000
USUAL = 1 / 30


def run(rate: RateControl, target: int, seconds: float, interval: float = USUAL) -> list[bool]:
    """Which pictures are encoded."""
    count = round(seconds / interval)
    return [not rate.step(target, interval, interval).leave_out for _ in range(count)]


class TestByTime:
    def test_time_goes_on_in_proportion(self) -> None:
        rate = ByTime()
        assert rate.opened(TARGET, USUAL) == TARGET
        assert rate.step(TARGET, USUAL, USUAL).advance == pytest.approx(USUAL)
        assert rate.step(TARGET // 2, USUAL, USUAL).advance == pytest.approx(USUAL / 2)
        assert rate.step(TARGET * 2, 0.1, USUAL).advance == pytest.approx(0.2)

    def test_within_reach_it_is_never_opened_anew(self) -> None:
        rate = ByTime()
        rate.opened(TARGET, USUAL)
        run(rate, TARGET, 60)
        assert not rate.stale(round(TARGET * 2.9), USUAL, keyframe=False)
        assert not rate.stale(round(TARGET / 2.9), USUAL, keyframe=False)

    @pytest.mark.parametrize("factor", [3.1, 1 / 3.1])
    def test_out_of_reach_it_is_opened_anew_once_settled(self, factor: float) -> None:
        rate = ByTime()
        rate.opened(TARGET, USUAL)
        run(rate, TARGET, SETTLED - 0.5)
        assert not rate.stale(round(TARGET * factor), USUAL, keyframe=False)
        run(rate, TARGET, 1.0)
        assert rate.stale(round(TARGET * factor), USUAL, keyframe=False)

    def test_a_key_frame_that_is_due_anyway_is_used(self) -> None:
        rate = ByTime()
        rate.opened(TARGET, USUAL)
        assert rate.stale(TARGET * 2, USUAL, keyframe=True)
        assert not rate.stale(round(TARGET * 1.3), USUAL, keyframe=True)


class TestByContext:
    def test_is_opened_with_headroom_and_told_after_the_first_picture(self) -> None:
        rate = ByContext()
        assert rate.opened(TARGET, USUAL) == 2 * TARGET
        assert rate.step(TARGET, USUAL, USUAL).bit_rate is None
        assert rate.step(TARGET, USUAL, USUAL).bit_rate == TARGET
        assert rate.step(TARGET, USUAL, USUAL).bit_rate is None

    def test_small_changes_are_not_passed_on(self) -> None:
        rate = ByContext()
        rate.opened(TARGET, USUAL)
        run(rate, TARGET, 1)
        assert rate.step(round(TARGET * 1.02), USUAL, USUAL).bit_rate is None
        assert rate.step(round(TARGET * 1.1), USUAL, USUAL).bit_rate == round(TARGET * 1.1)

    def test_each_picture_may_cost_more_where_there_are_fewer(self) -> None:
        rate = ByContext()
        rate.opened(TARGET, USUAL)
        run(rate, TARGET, 1, interval=1 / 30)
        assert rate.step(TARGET // 2, 1 / 15, 1 / 15).bit_rate is None
        assert rate.step(TARGET // 4, 1 / 15, 1 / 15).bit_rate == TARGET // 2

    def test_opened_for_fewer_pictures_where_fewer_come(self) -> None:
        rate = ByContext()
        assert rate.opened(TARGET, 1 / 10) == 6 * TARGET
        run(rate, TARGET, 5, interval=1 / 10)
        assert not rate.stale(TARGET * 2, 1 / 10, keyframe=False)

    def test_never_told_more_than_it_was_opened_with(self) -> None:
        rate = ByContext()
        ceiling = rate.opened(TARGET, USUAL)
        run(rate, TARGET, 1)
        assert rate.step(TARGET * 5, USUAL, USUAL).bit_rate == ceiling

    def test_opened_anew_above_its_ceiling_once_settled(self) -> None:
        rate = ByContext()
        ceiling = rate.opened(TARGET, USUAL)
        run(rate, TARGET, SETTLED - 0.5)
        assert not rate.stale(ceiling + 1, USUAL, keyframe=False)
        run(rate, TARGET, 1)
        assert rate.stale(ceiling + 1, USUAL, keyframe=False)
        assert not rate.stale(ceiling, USUAL, keyframe=False)


class TestByLeavingOut:
    def test_all_pictures_at_its_own_rate(self) -> None:
        rate = ByLeavingOut()
        assert rate.opened(TARGET, USUAL) == TARGET
        assert all(run(rate, TARGET, 10))

    def test_fewer_pictures_below_it(self) -> None:
        rate = ByLeavingOut()
        rate.opened(TARGET, USUAL)
        encoded = run(rate, TARGET * 7 // 10, 10)
        assert sum(encoded) == pytest.approx(0.7 * len(encoded), abs=2)
        assert (False, False) not in set(pairwise(encoded))

    @pytest.mark.parametrize("factor", [1.6, 0.5])
    def test_opened_anew_far_from_it_once_settled(self, factor: float) -> None:
        rate = ByLeavingOut()
        rate.opened(TARGET, USUAL)
        run(rate, TARGET, rate.SETTLED - 0.5)
        assert not rate.stale(round(TARGET * factor), USUAL, keyframe=False)
        run(rate, TARGET, 1)
        assert rate.stale(round(TARGET * factor), USUAL, keyframe=False)

    def test_half_the_pictures_may_cost_twice_as_much(self) -> None:
        rate = ByLeavingOut()
        rate.opened(TARGET, USUAL)
        run(rate, TARGET, 10, interval=1 / 15)
        assert rate.stale(TARGET, 1 / 15, keyframe=False)
        assert rate.opened(TARGET, 1 / 15) == pytest.approx(TARGET * FRAMERATE / 15)
        assert not rate.stale(TARGET, 1 / 15, keyframe=True)
        assert all(run(rate, TARGET, 10, interval=1 / 15))
