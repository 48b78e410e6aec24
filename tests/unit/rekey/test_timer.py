"""The rekey timer asks when `rekey_after` is over, less its jitter, until it is stopped."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.rekey.timer import CHECK_INTERVAL, JITTER, LEAST_CHECK_INTERVAL, RekeySchedule, RekeyTimer
from tests.support.negotiation.connections import until

SOON = timedelta(seconds=0.05)
HOUR = timedelta(hours=1)
chances = st.floats(0, 1)


class Asked:
    """A connection that counts how often its timer asks for a rekey."""

    def __init__(self, after: timedelta | int) -> None:
        self.times = 0
        self.packets = 0
        self.timer = RekeyTimer(after, packets=lambda: self.packets, ask=self._ask)

    def _ask(self) -> None:
        self.times += 1


async def test_rekey_timer_asks_again_until_it_is_stopped() -> None:
    asked = Asked(SOON)
    asked.timer.start()
    await until(lambda: asked.times >= 2)
    asked.timer.stop()
    before = asked.times
    await asyncio.sleep(0.15)
    assert asked.times == before


async def test_rekey_timer_stopped_by_its_own_call_asks_no_more() -> None:
    timer: RekeyTimer
    calls: list[int] = []

    def ask() -> None:
        calls.append(1)
        timer.stop()

    timer = RekeyTimer(SOON, packets=lambda: 0, ask=ask)
    timer.start()
    await asyncio.sleep(0.2)
    assert len(calls) == 1


async def test_rekey_timer_does_not_start_after_stop() -> None:
    asked = Asked(SOON)
    asked.timer.stop()
    asked.timer.start()
    await asyncio.sleep(0.15)
    assert asked.times == 0


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
    assert LEAST_CHECK_INTERVAL <= delay <= CHECK_INTERVAL
