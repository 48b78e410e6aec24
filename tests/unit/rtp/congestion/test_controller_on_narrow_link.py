"""A sender over a bottleneck link whose queue holds 300 ms, in virtual time."""

from __future__ import annotations

from functools import cache
from itertools import groupby

import pytest

from peer.rtp.congestion import CongestionController
from tests.support.links.bottleneck import Link, NarrowCall

LINKS = [250e3, 500e3, 1e6, 2e6, 5e6]


@cache
def settled(bitrate: float) -> NarrowCall:
    call = NarrowCall(Link(bitrate))
    call.run(60)
    return call


@pytest.mark.parametrize("bitrate", LINKS)
def test_target_settles_below_what_the_link_carries(bitrate: float) -> None:
    call = settled(bitrate)
    assert 0.6 * bitrate <= call.mean_target(15, 60) <= bitrate
    targets = [sample.target for sample in call.between(15, 60)]
    assert min(targets) > 0.6 * bitrate
    assert call.throughput(15, 60) > 0.8 * bitrate
    assert call.pacer.dropped_frames == 0


@pytest.mark.parametrize("bitrate", LINKS)
def test_target_is_not_long_nor_far_above_what_the_link_carries(bitrate: float) -> None:
    targets = [sample.target for sample in settled(bitrate).between(15, 60)]
    above = [len(list(run)) for over, run in groupby(targets, lambda t: t > bitrate) if over]
    assert max(targets) < 1.2 * bitrate
    # In tenths of a second.
    assert max(above, default=0) < 25
    assert sum(above) < 0.25 * len(targets)


@pytest.mark.parametrize("bitrate", LINKS)
def test_queue_of_the_link_stays_short(bitrate: float) -> None:
    waits = [sample.waiting for sample in settled(bitrate).between(15, 60)]
    assert sum(waits) / len(waits) < 0.06
    assert max(waits) < 0.25


def test_target_finds_a_link_far_below_the_initial_rate() -> None:
    call = NarrowCall(Link(100e3))
    call.run(60)
    assert 60e3 <= call.mean_target(15, 60) <= 100e3


def test_target_finds_a_wide_link_within_ten_seconds() -> None:
    call = NarrowCall(Link(5e6))
    call.run(11)
    assert call.mean_target(10, 11) > 0.7 * 5e6


@pytest.mark.parametrize(("narrow", "wide"), [(500e3, 1.5e6), (500e3, 3e6), (1e6, 5e6)])
def test_target_rises_when_the_link_widens(narrow: float, wide: float) -> None:
    call = NarrowCall(Link(narrow))
    call.run(30)
    call.link.bitrate = wide
    call.run(40)
    assert call.mean_target(20, 30) < narrow
    assert max(sample.target for sample in call.between(30, 60)) > 0.8 * wide
    assert 0.8 * wide < call.mean_target(60, 70) < wide


@pytest.mark.parametrize(("wide", "narrow"), [(3e6, 500e3), (2e6, 1e6)])
def test_target_falls_when_the_link_narrows(wide: float, narrow: float) -> None:
    call = NarrowCall(Link(wide))
    call.run(30)
    call.link.bitrate = narrow
    call.run(20)
    assert all(sample.target < narrow for sample in call.between(31, 33))
    assert max(sample.waiting for sample in call.between(34, 50)) < 0.1
    assert call.mean_target(35, 50) > 0.6 * narrow


@pytest.mark.parametrize("loss", [0.01, 0.02, 0.05])
def test_random_loss_does_not_collapse_the_target(loss: float) -> None:
    call = NarrowCall(Link(2e6, loss=loss))
    call.run(60)
    assert call.mean_target(15, 60) > 0.6 * 2e6


def test_target_recovers_from_an_outage() -> None:
    call = NarrowCall(Link(2e6))
    call.run(20)
    call.link.loss = 1.0
    call.run(2)
    call.link.loss = 0.0
    call.run(28)
    assert call.mean_target(45, 50) > 0.7 * 2e6


def test_lost_feedback_does_not_lower_the_target() -> None:
    call = NarrowCall(Link(2e6))
    call.lost_feedback = 0.3
    call.run(60)
    assert 0.6 * 2e6 < call.mean_target(15, 60) < 2e6


def test_remb_bounds_throughput_at_once() -> None:
    call = NarrowCall(Link(2e6))
    call.run(20)
    call.congestion.on_remb(400_000)
    assert call.congestion.target == 400_000
    call.run(10)
    assert call.throughput(22, 30) < 1.1 * 400e3


def test_audio_alone_leaves_the_target_unchanged() -> None:
    call = NarrowCall(Link(5e6), use=0)
    call.run(60)
    assert call.congestion.target == 300_000


def test_target_stays_near_a_limited_encoder() -> None:
    call = NarrowCall(Link(5e6), most=500e3)
    call.run(60)
    assert 500e3 < call.congestion.target < 1.1e6


def test_pacer_keeps_an_overshooting_source_from_filling_the_link() -> None:
    call = NarrowCall(Link(2e6), use=2)
    call.run(60)
    waits = [sample.waiting for sample in call.between(20, 60)]
    assert sum(waits) / len(waits) < 0.1
    assert call.throughput(20, 60) < 2e6
    assert call.pacer.dropped_frames > 0


def test_without_feedback_the_target_stays_bounded() -> None:
    call = NarrowCall(Link(1e6), congestion=CongestionController(maximum=800_000), feedback=False)
    call.run(20)
    assert call.congestion.target <= 800_000
