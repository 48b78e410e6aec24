"""Times of NACKs for missing packets, and the wait for reordered ones."""

from __future__ import annotations

import pytest

from peer.rtp.receiving.nack import (
    HOLD_TIME,
    ROUND_TRIP_TIME_LIMIT,
    TRIES_LIMIT,
    NackTracker,
    ReorderingWait,
)
from peer.rtp.receiving.ssrc_receiver import (
    AUDIO_NACK_WAIT,
    AUDIO_WAIT,
    VIDEO_NACK_WAIT,
    VIDEO_WAIT,
)


def test_missing_packet_is_requested_at_once() -> None:
    tracker = NackTracker(enabled=True)
    tracker.add(first=10, end=13, now=5.0)
    assert tracker.due == 5.0
    assert tracker.take_due(5.0) == (10, 11, 12)


def test_nack_has_sequence_numbers_of_16_bits() -> None:
    tracker = NackTracker(enabled=True)
    tracker.add(first=0x1FFFF, end=0x20001, now=5.0)
    assert tracker.take_due(5.0) == (0xFFFF, 0)


def test_missing_packet_is_requested_again_after_round_trip() -> None:
    tracker = NackTracker(enabled=True)
    tracker.round_trip_time = 0.2
    tracker.add(first=10, end=11, now=5.0)
    tracker.take_due(5.0)
    assert tracker.due > 5.2
    assert tracker.take_due(5.2) == ()
    assert tracker.take_due(tracker.due) == (10,)


def test_short_round_trip_keeps_least_interval_of_nacks() -> None:
    tracker = NackTracker(enabled=True)
    tracker.round_trip_time = 0.0
    tracker.add(first=10, end=11, now=5.0)
    tracker.take_due(5.0)
    assert tracker.due >= 5.03


def test_missing_packet_is_requested_limited_number_of_times() -> None:
    tracker = NackTracker(enabled=True)
    tracker.add(first=10, end=11, now=5.0)
    asked = 0
    while tracker.due < float("inf"):
        asked += len(tracker.take_due(tracker.due))
    assert asked == TRIES_LIMIT


def test_received_packet_is_not_requested() -> None:
    tracker = NackTracker(enabled=True)
    tracker.add(first=10, end=12, now=5.0)
    assert tracker.received(10, 5.01, retransmitted=False) == pytest.approx(0.01)
    assert tracker.take_due(6.0) == (11,)


def test_packet_that_was_not_missing_has_no_lateness() -> None:
    assert NackTracker(enabled=True).received(10, 5.0, retransmitted=True) is None


def test_no_packet_is_requested_without_agreed_nack() -> None:
    tracker = NackTracker(enabled=False)
    tracker.add(first=10, end=12, now=5.0)
    assert tracker.take_due(1000.0) == ()
    assert len(tracker) == 2


def test_first_nack_waits_after_reordering() -> None:
    tracker = NackTracker(enabled=True)
    tracker.add(first=10, end=11, now=5.0)
    tracker.received(10, 5.03, retransmitted=False)
    tracker.add(first=20, end=21, now=6.0)
    assert tracker.take_due(6.03) == ()
    assert tracker.take_due(6.06) == (20,)


def test_first_nack_is_immediate_ten_seconds_after_reordering() -> None:
    tracker = NackTracker(enabled=True)
    tracker.add(first=10, end=11, now=5.0)
    tracker.received(10, 5.05, retransmitted=False)
    tracker.add(first=20, end=21, now=15.1)
    assert tracker.due - 15.1 < 0.002


def test_retransmissions_measure_round_trip() -> None:
    tracker = NackTracker(enabled=True)
    for at in range(30):
        tracker.add(first=at, end=at + 1, now=float(at))
        tracker.take_due(float(at))
        tracker.received(at, at + 0.3, retransmitted=True)
    assert tracker.round_trip_time == pytest.approx(0.3, abs=0.01)


def test_answer_to_second_nack_does_not_measure_round_trip() -> None:
    tracker = NackTracker(enabled=True)
    before = tracker.round_trip_time
    tracker.add(first=10, end=11, now=5.0)
    tracker.take_due(5.0)
    tracker.take_due(tracker.due)
    tracker.received(10, 9.0, retransmitted=True)
    assert tracker.round_trip_time == before


def test_retransmissions_do_not_change_set_round_trip() -> None:
    tracker = NackTracker(enabled=True)
    tracker.set_round_trip_time(0.05)
    tracker.add(first=10, end=11, now=5.0)
    tracker.take_due(5.0)
    tracker.received(10, 9.0, retransmitted=True)
    assert tracker.round_trip_time == 0.05


@pytest.mark.parametrize(("told", "believed"), [(-1.0, 0.0), (1e9, ROUND_TRIP_TIME_LIMIT)])
def test_set_round_trip_is_bounded(told: float, believed: float) -> None:
    tracker = NackTracker(enabled=True)
    tracker.set_round_trip_time(told)
    assert tracker.round_trip_time == believed


def test_forgotten_packets_are_not_missing() -> None:
    tracker = NackTracker(enabled=True)
    tracker.add(first=10, end=20, now=5.0)
    tracker.forget(first=0, end=20)
    assert len(tracker) == 0
    assert tracker.due == float("inf")


def test_reordering_wait_is_minimum_without_late_packets() -> None:
    assert ReorderingWait(minimum=0.05, maximum=1.0).value(100.0) == 0.05


def test_reordering_wait_grows_beyond_observed_lateness() -> None:
    wait = ReorderingWait(minimum=0.05, maximum=1.0)
    wait.learn(lateness=0.2, now=100.0)
    assert 0.2 < wait.value(100.0) < 0.4


def test_reordering_wait_never_exceeds_maximum() -> None:
    wait = ReorderingWait(minimum=0.05, maximum=1.0)
    wait.learn(lateness=30.0, now=100.0)
    assert wait.value(100.0) == 1.0


def test_less_lateness_does_not_shorten_reordering_wait() -> None:
    wait = ReorderingWait(minimum=0.05, maximum=1.0)
    wait.learn(lateness=0.4, now=100.0)
    before = wait.value(100.0)
    wait.learn(lateness=0.1, now=100.1)
    assert wait.value(100.1) == before


def test_reordering_wait_is_held_before_it_decays() -> None:
    wait = ReorderingWait(minimum=0.05, maximum=1.0)
    wait.learn(lateness=0.4, now=100.0)
    assert wait.value(100.0 + HOLD_TIME) == wait.value(100.0)


@pytest.mark.parametrize("bounds", [AUDIO_WAIT, VIDEO_WAIT, AUDIO_NACK_WAIT, VIDEO_NACK_WAIT])
def test_reordering_wait_is_within_a_fifth_after_ten_seconds(bounds: tuple[float, float]) -> None:
    wait = ReorderingWait(minimum=bounds[0], maximum=bounds[1])
    wait.learn(lateness=30.0, now=100.0)
    assert wait.value(110.0) <= bounds[0] * 1.2
