"""How the RTP benchmark finds the highest rate without a loss, and what it takes for one."""

from __future__ import annotations

import pytest

from benchmarks.rtp import Result, compared, highest, targets
from benchmarks.rtp_limit import Limit
from benchmarks.rtp_process import Who
from benchmarks.rtp_streams import PAYLOAD, PER_FRAME, likeness
from benchmarks.rtp_trial import Trial


class Machine:
    """Carries so many packets a second, each of which takes `cost` seconds at a low rate."""

    def __init__(self, most: float, cost: float, *, hiccups: int = 0) -> None:
        self.most = most
        self.cost = cost
        self.hiccups = hiccups
        self.rates: list[float] = []

    async def __call__(self, rate: float) -> Trial:
        self.rates.append(rate)
        lost = int(rate > self.most)
        if len(self.rates) > 1 and self.hiccups:
            self.hiccups -= 1
            lost = 1
        return trial(rate, lost=lost, processor=rate * self.cost)


def trial(rate: float, *, lost: int = 0, processor: float = 1.0) -> Trial:
    return Trial(
        packets=round(rate),
        seconds=1.0,
        out=round(rate) - lost,
        expected=round(rate),
        processor=processor,
    )


@pytest.mark.parametrize("cost", [5e-6, 1e-5, 5e-5])
async def test_highest_rate_is_found_from_above_and_from_below(cost: float) -> None:
    machine = Machine(20_000, cost)
    found = await highest(machine, 1000)
    assert found is not None
    assert 20_000 / 1.1 < found.rate <= 20_000
    assert len(machine.rates) < 40


async def test_rate_beyond_the_processor_time_counts_as_too_high() -> None:
    found = await highest(Machine(20_000, 1e-4), 1000)
    assert found is not None
    assert 10_000 / 1.1 < found.rate <= 10_000


async def test_two_hiccups_are_forgiven() -> None:
    found = await highest(Machine(20_000, 5e-5, hiccups=2), 1000)
    assert found is not None
    assert found.rate > 18_000


async def test_subject_with_losses_at_every_rate_has_no_highest_rate() -> None:
    assert await highest(Machine(0, 1e-5), 1000) is None


def test_a_ratio_is_taken_on_one_loop() -> None:
    results = {
        Who("handfast", "uvloop"): Result(trial(30_000), {10: trial(50_000)}),
        Who("aiortc", "uvloop"): Result(trial(10_000), {10: None}),
    }
    assert compared(results, [10], "uvloop") == [3.0, None]


@pytest.mark.parametrize(
    ("received", "cost", "whole"),
    [(30_000, 20e-6, True), (29_000, 20e-6, False), (30_000, 40e-6, False)],
)
def test_the_target_is_three_times_aiortc_as_it_comes(
    received: float, cost: float, *, whole: bool
) -> None:
    results = {}
    for loop in ("asyncio", "uvloop"):
        relayed = trial(50_000, processor=50_000 * cost)
        results[Who("handfast", loop)] = Result(trial(received), {10: relayed})
        results[Who("aiortc", loop)] = Result(
            trial(10_000), {10: trial(50_000)}, transcoded=trial(100, processor=100e-4)
        )
    assert all(target.met for target in targets(results)) is whole


def test_a_trial_tells_its_cost() -> None:
    made = Trial(packets=1000, seconds=2.0, out=10_000, expected=10_000, processor=0.1)
    assert made.lossless
    assert made.rate == 5000
    assert made.cost == pytest.approx(10.0)
    assert made.reach == pytest.approx(10_000)


def test_a_limit_is_the_sum_of_its_steps() -> None:
    limit = Limit(receive=1, unprotect=1, protect=2, send=3)
    assert limit.received() == 500_000
    assert limit.relayed(10) == pytest.approx(10e6 / 52)


def test_a_likeness_has_the_packets_that_are_counted() -> None:
    for keyframe in (True, False):
        assert [len(payload) for payload in likeness(keyframe=keyframe)] == [PAYLOAD] * PER_FRAME
