"""The target of one transport, from feedback, REMB, reports and bounds."""

from __future__ import annotations

import pytest

from peer.rtp.congestion import CongestionController, Share
from peer.rtp.congestion.controller import (
    FEEDBACK_TIMEOUT,
    INITIAL_BITRATE,
    MAXIMUM_BITRATE,
    MINIMUM_BITRATE,
)
from peer.rtp.rtcp import TransportFeedback


class Sender:
    """Sends what the target allows in packets of 1000 octets, and is told of it each 100 ms."""

    def __init__(self, congestion: CongestionController | None = None) -> None:
        self.congestion = congestion or CongestionController()
        self.now = 10.0
        self._debt = 0.0

    def run(self, seconds: float, *, lost_each: int = 0) -> int:
        """The target in the end, where one packet in so many is lost."""
        congestion = self.congestion
        for _ in range(round(seconds * 10)):
            first = congestion.next_sequence_number
            self._debt += congestion.target / 10 / 8000
            count = int(self._debt)
            self._debt -= count
            arrivals: list[int | None] = []
            for index in range(count):
                number = congestion.next_sequence_number
                congestion.on_sent([1000], self.now + index / count / 10)
                lost = lost_each and not number % lost_each
                arrivals.append(None if lost else int(400 * index / count))
            reference = round(self.now / 0.064)
            offset = round((self.now - reference * 0.064) * 4000)
            shifted = tuple(None if each is None else each + offset for each in arrivals)
            self.now += 0.1
            if count:
                congestion.on_feedback(
                    TransportFeedback(1, 2, 0, first, reference, shifted), self.now
                )
        return congestion.target


def test_target_begins_at_300_kbits() -> None:
    assert CongestionController().target == INITIAL_BITRATE == 300_000


def test_transport_sequence_numbers_wrap() -> None:
    congestion = CongestionController()
    for number in range(70_000):
        assert congestion.next_sequence_number == number & 0xFFFF
        congestion.on_sent([1000], number / 1000)
    congestion.on_sent([1000] * 70_000, 80.0)
    assert congestion.next_sequence_number == 140_000 & 0xFFFF


def test_feedback_without_delay_raises_the_target() -> None:
    assert Sender().run(5) > 3 * INITIAL_BITRATE


def test_remb_bounds_the_target_until_the_next_remb() -> None:
    sender = Sender()
    sender.run(5)
    sender.congestion.on_remb(100_000)
    assert sender.congestion.target == 100_000
    assert sender.run(20) == 100_000
    sender.congestion.on_remb(10_000_000)
    assert sender.congestion.target > 100_000


def test_without_feedback_the_remb_is_the_target() -> None:
    congestion = CongestionController()
    congestion.on_remb(2_000_000)
    assert congestion.target == 2_000_000


def test_target_keeps_within_bounds_for_any_remb() -> None:
    congestion = CongestionController()
    congestion.on_remb(0)
    assert congestion.target == MINIMUM_BITRATE
    congestion.on_remb(1 << 80)
    assert congestion.target == MAXIMUM_BITRATE


def test_heavy_loss_lowers_the_target_though_nothing_is_late() -> None:
    sender = Sender()
    before = sender.run(5)
    assert sender.run(4, lost_each=4) < 0.7 * before
    assert sender.run(30) > before


def test_light_loss_does_not_stop_growth() -> None:
    assert Sender().run(8, lost_each=50) > 3 * INITIAL_BITRATE


def report(congestion: CongestionController, fraction: float, *, seconds: int, now: float) -> int:
    for second in range(seconds):
        congestion.on_loss(fraction, now=now + second)
        congestion.on_loss(fraction, now=now + second + 0.5)
    return congestion.target


def test_without_feedback_and_remb_the_reports_decide() -> None:
    congestion = CongestionController()
    grown = report(congestion, 0.0, seconds=20, now=0)
    assert grown == pytest.approx(INITIAL_BITRATE * 1.08**19, rel=0.1)
    assert report(congestion, 0.05, seconds=10, now=20) == grown
    assert report(congestion, 0.3, seconds=5, now=30) < 0.7 * grown


def test_reported_loss_reduces_target_below_the_remb() -> None:
    congestion = CongestionController()
    congestion.on_remb(2_000_000)
    assert report(congestion, 0.3, seconds=5, now=0) < 1_500_000


def test_reports_do_not_count_beside_feedback() -> None:
    sender = Sender()
    before = sender.run(5)
    report(sender.congestion, 1.0, seconds=1, now=sender.now)
    assert sender.congestion.target == before
    report(sender.congestion, 1.0, seconds=3, now=sender.now + FEEDBACK_TIMEOUT)
    assert sender.congestion.target < before


def test_round_trip_is_measured_by_feedback_until_reports_tell_it() -> None:
    sender = Sender()
    sender.run(3)
    assert sender.congestion.round_trip_time is not None
    assert 0 < sender.congestion.round_trip_time <= 0.1
    sender.congestion.on_round_trip(0.25)
    sender.run(1)
    assert sender.congestion.round_trip_time == 0.25


def test_target_is_divided_with_room_for_headers() -> None:
    sender = Sender()
    target = sender.run(3)
    (share,) = sender.congestion.allocate((Share(),))
    packets = target / 8000
    assert target - share == pytest.approx(packets * 28 * 8, rel=0.3)


def test_headers_never_take_more_than_half() -> None:
    congestion = CongestionController()
    for number in range(4000):
        congestion.on_sent([10], number / 4000)
        if number % 400 == 399:
            ticks = tuple(range(400))
            reference = number // 256
            congestion.on_feedback(
                TransportFeedback(1, 2, 0, number - 399, reference, ticks), number / 4000
            )
    (share,) = congestion.allocate((Share(),))
    assert share >= congestion.target // 2


def test_representation_shows_target_and_estimates() -> None:
    congestion = CongestionController()
    congestion.on_remb(200_000)
    assert repr(congestion) == (
        "<CongestionController target=200000 delay=300000 loss=300000 remb=200000 rtt=None>"
    )


def test_loss_of_large_packets_alone_leaves_no_lower_target_once_packets_are_smaller() -> None:
    congestion = CongestionController()
    now = 10.0
    large: list[int] = []
    small: list[int] = []
    for number in range(80):
        first = congestion.next_sequence_number
        if congestion.payload_limit == 1200:
            interval, sizes = 0.3, [300, 300, *([1200] if number % 2 else [])]
        else:
            count = congestion.target // 80 // congestion.payload_limit
            # The large ones are copies of earlier packets, which are no smaller for it.
            interval, sizes = 0.1, [congestion.payload_limit] * count + [1200, 1200, 300]
        reference = round(now / 0.064)
        offset = round((now - reference * 0.064) * 4000)
        arrivals: list[int | None] = []
        for index, size in enumerate(sizes):
            after = interval * index / len(sizes)
            congestion.on_sent([size], now + after)
            arrivals.append(offset + int(4000 * after) if size <= 1000 else None)
        now += interval
        congestion.on_feedback(TransportFeedback(1, 2, 0, first, reference, tuple(arrivals)), now)
        (large if congestion.payload_limit == 1200 else small).append(congestion.target)

    assert congestion.payload_limit == 850
    assert min(large) < INITIAL_BITRATE
    assert min(small) >= INITIAL_BITRATE
