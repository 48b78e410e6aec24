"""When a missing packet is asked for, again, and no more."""

from __future__ import annotations

import pytest

from peer.rtp.receiving.nack import (
    ROUND_TRIP_LIMIT,
    STANDS,
    TRIES_LIMIT,
    NackTracker,
    ReorderingWait,
)
from peer.rtp.receiving.ssrc_receiver import (
    PICTURE_HOLD,
    REPAIRED_PICTURE_HOLD,
    REPAIRED_SOUND_HOLD,
    SOUND_HOLD,
)


def test_it_is_asked_for_at_once() -> None:
    missing = NackTracker(asks=True)
    missing.note(10, 13, 5.0)
    assert missing.due == 5.0
    assert missing.take(5.0) == (10, 11, 12)


def test_numbers_are_of_sixteen_bits_on_the_wire() -> None:
    missing = NackTracker(asks=True)
    missing.note(0x1FFFF, 0x20001, 5.0)
    assert missing.take(5.0) == (0xFFFF, 0)


def test_it_is_asked_for_again_after_a_round_trip() -> None:
    missing = NackTracker(asks=True)
    missing.round_trip = 0.2
    missing.note(10, 11, 5.0)
    missing.take(5.0)
    assert missing.due > 5.2
    assert missing.take(5.2) == ()
    assert missing.take(missing.due) == (10,)


def test_a_short_round_trip_does_not_make_a_storm() -> None:
    missing = NackTracker(asks=True)
    missing.round_trip = 0.0
    missing.note(10, 11, 5.0)
    missing.take(5.0)
    assert missing.due >= 5.03


def test_it_is_not_asked_for_without_end() -> None:
    missing = NackTracker(asks=True)
    missing.note(10, 11, 5.0)
    asked = 0
    while missing.due < float("inf"):
        asked += len(missing.take(missing.due))
    assert asked == TRIES_LIMIT


def test_what_came_is_not_asked_for() -> None:
    missing = NackTracker(asks=True)
    missing.note(10, 12, 5.0)
    assert missing.came(10, 5.01, repaired=False) == pytest.approx(0.01)
    assert missing.take(6.0) == (11,)


def test_what_was_not_missing_is_no_news() -> None:
    assert NackTracker(asks=True).came(10, 5.0, repaired=True) is None


def test_nobody_is_asked_where_that_was_not_agreed() -> None:
    missing = NackTracker(asks=False)
    missing.note(10, 12, 5.0)
    assert missing.take(1000.0) == ()
    assert len(missing) == 2


def test_reordering_makes_it_wait_before_asking() -> None:
    missing = NackTracker(asks=True)
    missing.note(10, 11, 5.0)
    missing.came(10, 5.03, repaired=False)
    missing.note(20, 21, 6.0)
    assert missing.take(6.03) == ()
    assert missing.take(6.06) == (20,)


def test_it_asks_at_once_again_when_nothing_was_out_of_order_for_ten_seconds() -> None:
    missing = NackTracker(asks=True)
    missing.note(10, 11, 5.0)
    missing.came(10, 5.05, repaired=False)
    missing.note(20, 21, 15.1)
    assert missing.due - 15.1 < 0.002


def test_repairs_measure_the_round_trip() -> None:
    missing = NackTracker(asks=True)
    for at in range(30):
        missing.note(at, at + 1, float(at))
        missing.take(float(at))
        missing.came(at, at + 0.3, repaired=True)
    assert missing.round_trip == pytest.approx(0.3, abs=0.01)


def test_the_answer_to_a_second_question_measures_nothing() -> None:
    missing = NackTracker(asks=True)
    before = missing.round_trip
    missing.note(10, 11, 5.0)
    missing.take(5.0)
    missing.take(missing.due)
    missing.came(10, 9.0, repaired=True)
    assert missing.round_trip == before


def test_a_round_trip_that_was_told_stays() -> None:
    missing = NackTracker(asks=True)
    missing.tell(0.05)
    missing.note(10, 11, 5.0)
    missing.take(5.0)
    missing.came(10, 9.0, repaired=True)
    assert missing.round_trip == 0.05


@pytest.mark.parametrize(("told", "believed"), [(-1.0, 0.0), (1e9, ROUND_TRIP_LIMIT)])
def test_a_round_trip_that_cannot_be_is_not_believed(told: float, believed: float) -> None:
    missing = NackTracker(asks=True)
    missing.tell(told)
    assert missing.round_trip == believed


def test_what_is_given_up_is_forgotten() -> None:
    missing = NackTracker(asks=True)
    missing.note(10, 20, 5.0)
    missing.forget(0, 20)
    assert len(missing) == 0
    assert missing.due == float("inf")


def test_it_is_the_least_where_nothing_comes_late() -> None:
    assert ReorderingWait(0.05, 1.0).value(100.0) == 0.05


def test_it_grows_at_once_beyond_the_lateness_seen() -> None:
    hold = ReorderingWait(0.05, 1.0)
    hold.learn(0.2, 100.0)
    assert 0.2 < hold.value(100.0) < 0.4


def test_it_never_exceeds_the_most() -> None:
    hold = ReorderingWait(0.05, 1.0)
    hold.learn(30.0, 100.0)
    assert hold.value(100.0) == 1.0


def test_less_lateness_does_not_shorten_it() -> None:
    hold = ReorderingWait(0.05, 1.0)
    hold.learn(0.4, 100.0)
    before = hold.value(100.0)
    hold.learn(0.1, 100.1)
    assert hold.value(100.1) == before


def test_it_stands_for_a_while() -> None:
    hold = ReorderingWait(0.05, 1.0)
    hold.learn(0.4, 100.0)
    assert hold.value(100.0 + STANDS) == hold.value(100.0)


@pytest.mark.parametrize(
    "bounds", [SOUND_HOLD, PICTURE_HOLD, REPAIRED_SOUND_HOLD, REPAIRED_PICTURE_HOLD]
)
def test_it_is_back_within_a_fifth_after_ten_seconds(bounds: tuple[float, float]) -> None:
    hold = ReorderingWait(*bounds)
    hold.learn(30.0, 100.0)
    assert hold.value(110.0) <= bounds[0] * 1.2
