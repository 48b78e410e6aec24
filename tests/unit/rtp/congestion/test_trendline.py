"""The trendline estimator detects overuse and underuse of the path."""

from __future__ import annotations

import random

from aiortc.rate import BandwidthUsage

from peer.rtp.congestion.trendline import JUMP_MS, TrendlineEstimator

Packets = list[tuple[float, float, int]]


def through(
    *, capacity: float, bitrate: float, seconds: float = 3.0, jitter: float = 0.0, begin: float = 0
) -> Packets:
    """Frames of three packets at 30 a second through a link; rates in bits a second."""
    chance = random.Random(4)
    packets = []
    size = bitrate / 30 / 3 / 8
    free = 0.0
    for frame in range(int(seconds * 30)):
        for packet in range(3):
            sent = begin + frame / 30 + packet / 1000
            free = max(free, sent) + size * 8 / capacity
            packets.append((sent, free + 0.02 + chance.uniform(0, jitter), int(size)))
    return packets


def usages(trend: TrendlineEstimator, packets: Packets) -> list[BandwidthUsage]:
    return [trend.update([packet]) for packet in packets]


def test_trendline_of_a_wide_link_is_normal() -> None:
    assert set(usages(TrendlineEstimator(), through(capacity=2e6, bitrate=1e6))) == {
        BandwidthUsage.NORMAL
    }


def test_trendline_detects_overuse_within_400_ms_of_delay() -> None:
    packets = through(capacity=1e6, bitrate=1.3e6)
    found = usages(TrendlineEstimator(), packets).index(BandwidthUsage.OVERUSING)
    sent, arrived, _ = packets[found]
    assert arrived - sent < 0.4


def test_trendline_ignores_jitter() -> None:
    found = usages(
        TrendlineEstimator(), through(capacity=1e8, bitrate=1e6, jitter=0.01, seconds=20)
    )
    assert BandwidthUsage.OVERUSING not in found


def test_trendline_detects_a_draining_queue() -> None:
    trend = TrendlineEstimator()
    usages(trend, through(capacity=1e6, bitrate=1.3e6, seconds=2))
    drained = [
        (2.0 + index / 30, 2.62 + index / 30 - 0.6 * index / 60, 1000) for index in range(60)
    ]
    assert BandwidthUsage.UNDERUSING in usages(trend, drained)


def test_trendline_needs_no_common_clock() -> None:
    packets = [(s, a + 1e6, n) for s, a, n in through(capacity=1e6, bitrate=1.3e6)]
    assert BandwidthUsage.OVERUSING in usages(TrendlineEstimator(), packets)


def test_trendline_ignores_a_pause() -> None:
    trend = TrendlineEstimator()
    usages(trend, through(capacity=2e6, bitrate=1e6))
    found = usages(trend, through(capacity=2e6, bitrate=1e6, begin=600))
    assert set(found) == {BandwidthUsage.NORMAL}


def test_trendline_restarts_on_a_step_of_the_peer_clock() -> None:
    trend = TrendlineEstimator()
    usages(trend, through(capacity=2e6, bitrate=1e6))
    jump = 2 * JUMP_MS / 1000
    later = [(s, a + jump, n) for s, a, n in through(capacity=2e6, bitrate=1e6, begin=3.0)]
    assert set(usages(trend, later)) == {BandwidthUsage.NORMAL}


def test_trendline_ignores_reordered_packets() -> None:
    trend = TrendlineEstimator()
    packets = through(capacity=2e6, bitrate=1e6)
    late = [(s, 4.0, n) for s, _, n in packets[:30]]
    after = through(capacity=2e6, bitrate=1e6, begin=3.0)
    usages(trend, packets)
    assert set(usages(trend, late + after)) == {BandwidthUsage.NORMAL}
