"""The silence of a peer counts from its last datagram, whenever the monitor looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import pytest

from peer.transport.ice.consent import ConsentState
from peer.transport.ice.consent_monitor import ConsentMonitor
from peer.transport.ice.timing import IceTiming
from tests.support.clock.virtual_time import VirtualLoop, in_virtual_time

if TYPE_CHECKING:
    from peer.transport.adapters.ice_agent import IceAgent


class SilentAgent:
    """An agent whose consent checks nobody answers, or somebody from `answers_from` on."""

    def __init__(self, answers_from: float = float("inf")) -> None:
        self.holds = 0
        self.checks: list[float] = []
        self._answers_from = answers_from

    def send_consent_check(self, on_answer: Callable[[float], None]) -> None:
        loop = asyncio.get_running_loop()
        self.checks.append(loop.time())
        if loop.time() >= self._answers_from:
            loop.call_later(0.01, on_answer, 0.01)

    def probe_others(self, on_answer: object) -> None:
        pass

    def end_probes(self) -> None:
        pass

    def replace_path(self) -> bool:
        return False

    def hold_path(self) -> None:
        self.holds += 1


@in_virtual_time
async def test_disconnected_comes_five_seconds_after_the_last_datagram() -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    received, read_at = 0, start
    states: list[tuple[ConsentState, float]] = []
    monitor = ConsentMonitor(
        cast("IceAgent", SilentAgent()),
        IceTiming(),
        activity=lambda: received,
        packets=lambda: received,
        read_at=lambda: read_at,
        on_state=lambda state: states.append((state, loop.time() - start)),
    )
    task = asyncio.create_task(monitor.run())
    # The last datagram comes well before the monitor looks, with its first check after 4 to 6 s.
    await asyncio.sleep(2.0)
    received, read_at = 1, loop.time()
    await task

    (silent, when), (expired, end) = states
    assert (silent, expired) == (ConsentState.SILENT, ConsentState.EXPIRED)
    # A check has to be unanswered for a second before silence counts at all.
    assert 7.0 <= when <= 7.01
    assert 30.0 <= end <= 30.01


@pytest.mark.parametrize("length", [5.0, 22.0, 60.0, 3600.0])
@pytest.mark.parametrize("answered", [True, False])
@in_virtual_time
async def test_stopped_process_asks_before_it_says_that_the_path_has_failed(
    length: float, answered: bool
) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    states: list[ConsentState] = []
    agent = SilentAgent(answers_from=loop.time() if answered else float("inf"))
    monitor = ConsentMonitor(
        cast("IceAgent", agent),
        IceTiming(),
        activity=lambda: 0,
        packets=lambda: 0,
        read_at=lambda: None,
        on_state=states.append,
        # Checks every 4.5 s: the last one before the stop has its answer, the next would be in it.
        uniform=lambda: 0.25,
    )
    task = asyncio.create_task(monitor.run())
    await asyncio.sleep(10.0)
    # The process is stopped: the clock goes on, and no timer fires.
    loop.skip(length)
    woken = loop.time()
    await asyncio.sleep(0.2)
    assert agent.checks[-1] == woken
    assert ConsentState.EXPIRED not in states
    await asyncio.sleep(35.0)
    assert (ConsentState.EXPIRED in states) is not answered
    # RFC 7675 section 5.1: 30 s after the last answer nothing but checks may be sent.
    assert bool(agent.holds) is (length >= 30.0 if answered else length >= 20.0)
    task.cancel()


@in_virtual_time
async def test_media_that_stops_has_the_path_checked_within_two_seconds() -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    timing = IceTiming(consent_interval=100.0, consent_expiry=1000.0)
    agent = SilentAgent(answers_from=start)
    monitor = ConsentMonitor(
        cast("IceAgent", agent),
        timing,
        activity=lambda: 0,
        # Fifty packets a second, until 130 s have passed.
        packets=lambda: int(50 * min(loop.time() - start, 130.0)),
        read_at=lambda: None,
        on_state=lambda _: None,
    )
    task = asyncio.create_task(monitor.run())
    await asyncio.sleep(150.0)
    first, second = agent.checks
    assert 80.0 <= first - start <= 120.0
    assert 130.0 < second - start <= 132.0
    task.cancel()
