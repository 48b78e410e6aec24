"""An alarm calls back at a deadline that moves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer.rtp.alarm import Alarm
from tests.support.clock.virtual_time import in_virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable


class Rung:
    """An alarm on the loop's own clock, and when it rang, from the beginning on."""

    def __init__(self) -> None:
        self.begun = asyncio.get_running_loop().time()
        self.times: list[float] = []
        self.alarm = Alarm(asyncio.get_running_loop().time, self._ring)

    def _ring(self, now: float) -> None:
        self.times.append(round(now - self.begun, 6))

    def set(self, *offsets: float) -> None:
        for offset in offsets:
            self.alarm.set(self.begun + offset)


@in_virtual_time
async def test_it_rings_once_at_the_deadline() -> None:
    rung = Rung()
    rung.set(1.0)
    await asyncio.sleep(5)
    assert rung.times == [1.0]


@in_virtual_time
async def test_a_deadline_may_come_nearer() -> None:
    rung = Rung()
    rung.set(3.0, 1.0)
    await asyncio.sleep(5)
    assert rung.times == [1.0]


@in_virtual_time
async def test_a_deadline_may_go_away() -> None:
    rung = Rung()
    rung.set(1.0, 3.0)
    await asyncio.sleep(2)
    assert rung.times == []
    await asyncio.sleep(2)
    assert rung.times == [3.0]


@in_virtual_time
async def test_no_deadline_no_alarm() -> None:
    rung = Rung()
    rung.set(1.0)
    rung.alarm.set(None)
    await asyncio.sleep(5)
    assert rung.times == []


@in_virtual_time
async def test_it_rings_again_after_there_was_none() -> None:
    rung = Rung()
    rung.set(1.0)
    rung.alarm.set(None)
    rung.set(4.0)
    await asyncio.sleep(5)
    rung.set(6.0)
    await asyncio.sleep(5)
    assert rung.times == [4.0, 6.0]


@in_virtual_time
async def test_a_deadline_of_the_past_is_now() -> None:
    rung = Rung()
    rung.set(-3.0)
    await asyncio.sleep(0.001)
    assert len(rung.times) == 1


@in_virtual_time
async def test_cancelled_it_is_silent() -> None:
    rung = Rung()
    rung.set(1.0)
    rung.alarm.cancel()
    await asyncio.sleep(5)
    assert rung.times == []


@in_virtual_time
async def test_a_thousand_deadlines_set_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    timers: list[float] = []

    def call_later(delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        timers.append(delay)
        return loop.call_at(loop.time() + delay, callback)

    monkeypatch.setattr(loop, "call_later", call_later)
    rung = Rung()
    rung.set(*(1.0 + each / 1000 for each in range(1000)))
    monkeypatch.undo()
    await asyncio.sleep(5)
    assert (rung.times, len(timers)) == ([1.999], 1)
