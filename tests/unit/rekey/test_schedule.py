"""The rekey schedule is due after `rekey_after`, less its jitter."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.rekey.schedule import CHECK_INTERVAL, JITTER, LEAST_CHECK_INTERVAL, RekeySchedule

HOUR = timedelta(hours=1)
chances = st.floats(0, 1)


def test_rekey_schedule_without_rekey_after_is_never_due() -> None:
    schedule = RekeySchedule(None, 0.5)
    assert schedule.next_check(1e9) is None
    assert not schedule.is_due(1e9, 10**12)


@given(chances)
def test_rekey_schedule_by_time_is_due_within_its_jitter(chance: float) -> None:
    schedule = RekeySchedule(HOUR, chance)
    seconds = HOUR.total_seconds()
    assert not schedule.is_due(seconds * (1 - JITTER) - 0.001, 0)
    assert schedule.is_due(seconds, 0)


@given(chances, st.integers(1, 2**30))
def test_rekey_schedule_by_packets_is_due_within_its_jitter(chance: float, after: int) -> None:
    schedule = RekeySchedule(after, chance)
    assert schedule.is_due(0.0, after)
    assert not schedule.is_due(0.0, int(after * (1 - JITTER)) - 1)


@pytest.mark.parametrize("after", [HOUR, 1000])
def test_rekey_schedule_counts_anew_after_restart(after: timedelta | int) -> None:
    schedule = RekeySchedule(after, 0.0)
    schedule.restart(3600.0, 1000, chance=0.0)
    assert not schedule.is_due(3601.0, 1001)
    assert schedule.is_due(7200.0, 2000)


@given(st.floats(0, 1e6), chances)
def test_rekey_schedule_checks_at_bounded_intervals(now: float, chance: float) -> None:
    schedule = RekeySchedule(HOUR, chance)
    delay = schedule.next_check(now)
    assert delay is not None
    assert LEAST_CHECK_INTERVAL <= delay <= CHECK_INTERVAL
