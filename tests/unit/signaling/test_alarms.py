"""Timers of a pure core: order, stopping, and what a flood of them leaves behind."""

from __future__ import annotations

from signaling.alarms import Alarms


def test_alarms_fire_in_order_and_once() -> None:
    alarms: Alarms[str] = Alarms()
    alarms.start("late", 3.0)
    alarms.start("early", 1.0)
    alarms.start("early", 2.0)
    alarms.start("stopped", 1.5)
    alarms.stop("stopped")
    assert alarms.next_time() == 2.0
    assert list(alarms.take(1.9)) == []
    assert list(alarms.take(3.0)) == ["early", "late"]
    assert alarms.next_time() is None


def test_alarm_that_is_started_while_others_fire_fires_with_them() -> None:
    alarms: Alarms[str] = Alarms()
    alarms.start("first", 1.0)
    fired = []
    for name in alarms.take(2.0):
        fired.append(name)
        if name == "first":
            alarms.start("second", 1.5)
    assert fired == ["first", "second"]


def test_stopped_alarms_leave_nothing_behind() -> None:
    alarms: Alarms[int] = Alarms()
    for number in range(10_000):
        alarms.start(number, 1000.0)
        alarms.stop(number)
    assert len(alarms) == 0
    assert len(alarms._heap) < 100  # noqa: SLF001 - what is kept is the point
