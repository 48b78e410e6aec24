"""The bitrate that arrives at the peer, estimated from feedback."""

from __future__ import annotations

import pytest

from peer.rtp.congestion.acknowledged_bitrate import MAX_ENTRIES, AcknowledgedBitrateEstimator


def feed(
    rate: AcknowledgedBitrateEstimator, *, begin: float, seconds: float, sent: float, arrived: float
) -> None:
    """Packets of 1000 octets, told of each tenth of a second; rates in bits a second."""
    packets = []
    count = int(seconds * arrived / 8000)
    for index in range(count):
        arrival = begin + index * 8000 / arrived
        packets.append((begin + index * 8000 / sent, arrival, 1000))
        if len(packets) >= arrived / 80_000:
            rate.update(packets)
            packets = []


def test_acknowledged_bitrate_is_unknown_at_first() -> None:
    rate = AcknowledgedBitrateEstimator()
    rate.update([])
    rate.update([(1.0, 2.0, 1000)])
    assert rate.bitrate is None


def test_acknowledged_and_sent_bitrate_are_told_apart() -> None:
    rate = AcknowledgedBitrateEstimator()
    feed(rate, begin=10, seconds=3, sent=2e6, arrived=1e6)
    assert rate.bitrate == pytest.approx(1e6, rel=0.01)
    assert rate.sent_bitrate == pytest.approx(2e6, rel=0.01)
    assert rate.packet_rate == pytest.approx(125, rel=0.01)


def test_acknowledged_bitrate_follows_in_half_a_second() -> None:
    rate = AcknowledgedBitrateEstimator()
    feed(rate, begin=10, seconds=3, sent=2e6, arrived=2e6)
    feed(rate, begin=13, seconds=0.7, sent=5e5, arrived=5e5)
    assert rate.bitrate == pytest.approx(5e5, rel=0.1)


def test_packets_that_arrive_all_at_once_give_no_acknowledged_bitrate() -> None:
    rate = AcknowledgedBitrateEstimator()
    for index in range(5 * MAX_ENTRIES):
        rate.update([(index / 100, 7.0, 1000)])
    assert rate.bitrate is None


def test_step_of_the_peer_clock_restarts_acknowledged_bitrate() -> None:
    rate = AcknowledgedBitrateEstimator()
    feed(rate, begin=10, seconds=3, sent=1e6, arrived=1e6)
    feed(rate, begin=5000, seconds=0.5, sent=2e6, arrived=2e6)
    assert rate.bitrate == pytest.approx(2e6, rel=0.01)
    feed(rate, begin=2, seconds=3, sent=3e6, arrived=3e6)
    assert rate.bitrate == pytest.approx(3e6, rel=0.01)
