"""The rekey timer asks on schedule until it is stopped."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from peer.rekey.timer import RekeyTimer
from tests.support.negotiation.connections import until

SOON = timedelta(seconds=0.05)


class Asked:
    """A connection that counts how often its timer asks for a rekey."""

    def __init__(self, after: timedelta | int | None) -> None:
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


async def test_rekey_timer_without_interval_never_asks() -> None:
    asked = Asked(None)
    asked.timer.start()
    asked.packets = 10**9
    await asyncio.sleep(0.1)
    assert asked.times == 0


async def test_rekey_timer_does_not_start_after_stop() -> None:
    asked = Asked(SOON)
    asked.timer.stop()
    asked.timer.start()
    await asyncio.sleep(0.15)
    assert asked.times == 0
