"""The delay-based rate: growth, and decrease on overuse."""

from __future__ import annotations

import pytest
from aiortc.rate import BandwidthUsage

from peer.rtp.congestion.aimd import BETA, AimdRateControl, LinkCapacityEstimator

NORMAL, OVER, UNDER = (
    BandwidthUsage.NORMAL,
    BandwidthUsage.OVERUSING,
    BandwidthUsage.UNDERUSING,
)


class Driven:
    """A rate control that is told ten times a second."""

    def __init__(self, initial: float = 1e6) -> None:
        self.control = AimdRateControl(initial)
        self.now = 0.0

    def run(
        self,
        seconds: float,
        usage: BandwidthUsage = NORMAL,
        *,
        through: float | None = None,
        sent: float | None = None,
    ) -> float:
        """The rate at the end; what gets through is the rate itself unless it is given."""
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            acknowledged = self.control.bitrate if through is None else through
            self.control.update(
                usage,
                acknowledged=acknowledged,
                sent=acknowledged if sent is None else sent,
                round_trip_time=0.1,
                now=self.now,
            )
        return self.control.bitrate


def test_rate_stays_before_an_acknowledged_bitrate() -> None:
    control = AimdRateControl(1e6)
    assert control.update(OVER, acknowledged=None, sent=None, round_trip_time=0.1, now=1.0) == 1e6


def test_rate_grows_by_half_each_second_before_overuse() -> None:
    assert Driven().run(3.2) == pytest.approx(1e6 * 1.5**3, rel=0.06)


def test_overuse_decreases_to_85_percent_of_acknowledged_bitrate() -> None:
    driven = Driven()
    assert driven.run(0.1, OVER, through=0.8e6, sent=1e6) == pytest.approx(BETA * 0.8e6)


def test_decrease_never_raises_the_rate() -> None:
    driven = Driven()
    assert driven.run(0.1, OVER, through=3e6) == 1e6


def test_decrease_is_not_repeated_within_a_round_trip() -> None:
    driven = Driven()
    cut = driven.run(0.1, OVER, through=0.8e6, sent=1e6)
    assert driven.run(0.1, OVER, through=0.6e6, sent=1e6) == cut
    assert driven.run(0.1, OVER, through=0.6e6, sent=1e6) == pytest.approx(BETA * 0.6e6)


def test_collapse_of_throughput_decreases_at_once() -> None:
    driven = Driven()
    driven.run(0.1, OVER, through=0.8e6, sent=1e6)
    assert driven.run(0.1, OVER, through=0.1e6, sent=1e6) == pytest.approx(BETA * 0.1e6)


def test_overuse_while_sending_little_does_not_collapse_the_rate() -> None:
    driven = Driven()
    assert driven.run(0.1, OVER, through=5e4, sent=5e4) == pytest.approx(BETA * 0.5e6)


def test_underuse_holds_the_rate() -> None:
    driven = Driven()
    assert driven.run(5, UNDER) == 1e6


def test_rate_grows_additively_near_link_capacity() -> None:
    driven = Driven()
    cut = driven.run(0.1, OVER)
    grown = driven.run(1.2)
    # A frame of 28 kbit in three packets; half of one each 200 ms.
    assert grown - cut == pytest.approx(cut / 30 / 3 / 2 / 0.2, rel=0.15)


def test_rate_grows_multiplicatively_far_above_link_capacity() -> None:
    driven = Driven()
    driven.run(0.1, OVER)
    begin = driven.run(1)
    assert driven.run(20) > 3 * begin


def test_rate_grows_to_at_most_one_and_a_half_acknowledged_bitrate() -> None:
    driven = Driven()
    assert driven.run(30, through=1e6) == pytest.approx(1.51e6)


def test_unused_rate_stays() -> None:
    driven = Driven()
    assert driven.run(30, through=5e4) == 1e6


def test_pause_does_not_make_the_rate_jump() -> None:
    driven = Driven()
    driven.run(0.3)
    before = driven.control.bitrate
    driven.now += 3600
    assert driven.run(0.1) <= before * 1.5


def test_link_capacity_is_estimated_from_overuse() -> None:
    capacity = LinkCapacityEstimator()
    assert capacity.compare(1e6) == 0
    for _ in range(20):
        capacity.on_overuse(1e6)
    assert (capacity.compare(1.2e6), capacity.compare(1e6), capacity.compare(0.8e6)) == (1, 0, -1)
    capacity.reset()
    assert capacity.compare(2e6) == 0
