"""When a connection asks for new keys by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.rekey.schedule import JITTER, LEAST_INTERVAL, LOOK_INTERVAL, RekeySchedule

HOUR = timedelta(hours=1)
chances = st.floats(0, 1)


def test_nothing_is_due_where_nothing_was_asked_for() -> None:
    schedule = RekeySchedule(None, 0.5)
    assert schedule.next_look(1e9) is None
    assert not schedule.is_due(1e9, 10**12)


@given(chances)
def test_time_is_due_within_the_jitter_before_its_end(chance: float) -> None:
    schedule = RekeySchedule(HOUR, chance)
    seconds = HOUR.total_seconds()
    assert not schedule.is_due(seconds * (1 - JITTER) - 0.001, 0)
    assert schedule.is_due(seconds, 0)


@given(chances, st.integers(1, 2**30))
def test_packets_are_due_within_the_jitter_before_their_end(chance: float, after: int) -> None:
    schedule = RekeySchedule(after, chance)
    assert schedule.is_due(0.0, after)
    assert not schedule.is_due(0.0, int(after * (1 - JITTER)) - 1)


@pytest.mark.parametrize("after", [HOUR, 1000])
def test_new_keys_start_the_count_again(after: timedelta | int) -> None:
    schedule = RekeySchedule(after, 0.0)
    schedule.restart(3600.0, 1000, 0.0)
    assert not schedule.is_due(3601.0, 1001)
    assert schedule.is_due(7200.0, 2000)


@given(st.floats(0, 1e6), chances)
def test_it_looks_often_enough_and_never_without_a_pause(now: float, chance: float) -> None:
    schedule = RekeySchedule(HOUR, chance)
    delay = schedule.next_look(now)
    assert delay is not None
    assert LEAST_INTERVAL <= delay <= LOOK_INTERVAL
