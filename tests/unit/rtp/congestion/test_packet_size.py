"""Which packets get through, by what transport-wide feedback says of their sizes."""

from __future__ import annotations

import random

import pytest

from peer.rtp.congestion.packet_size import (
    ANSWER_TIMEOUT,
    HEADERS,
    LOST,
    PAYLOAD_LIMITS,
    RAISE_INTERVAL,
    SUSPICIONS,
    WINDOW,
    PacketSizeLimit,
)

#: Sizes that arrived, and that were lost.
News = tuple[list[int], list[int]]

LARGE, SMALL = 1200, 200
FIRST, SECOND, LAST = PAYLOAD_LIMITS


def fed(*feedback: News, times: int = SUSPICIONS) -> PacketSizeLimit:
    """A limit that was told, several times, which sizes arrived and which were lost."""
    limit = PacketSizeLimit()
    for _ in range(times):
        for arrived, lost in feedback:
            limit.update([(0.0, 0.0, size) for size in arrived], lost, 1.0)
    return limit


def test_payloads_get_smaller_where_all_large_packets_are_lost() -> None:
    assert fed(([SMALL], [LARGE] * 3)).payload_limit == SECOND


def test_payloads_get_as_small_as_the_path_asks_for() -> None:
    limit = fed(([SMALL], [LARGE, 700, 700]), times=3 * SUSPICIONS)
    assert limit.payload_limit == LAST
    limit.update([(0.0, 0.0, SMALL)], [SECOND] * 100, 2.0)
    assert limit.payload_limit == LAST


@pytest.mark.parametrize("carried", [900, 1000, 1100, 1150])
def test_payloads_get_smaller_on_a_path_that_carries_more_than_the_next_limit(carried: int) -> None:
    chance = random.Random(carried)
    limit = PacketSizeLimit()
    for _ in range(1000):
        sizes = [chance.randint(300, limit.payload_limit) for _ in range(10)]
        arrived = [(0.0, 0.0, size) for size in sizes if size <= carried]
        limit.update(arrived, [size for size in sizes if size > carried], 1.0)
    assert limit.payload_limit == SECOND


def test_payloads_get_smaller_where_the_path_gets_narrow_in_the_middle_of_a_call() -> None:
    limit = fed(([LARGE] * 9, []), times=1000)
    for _ in range(WINDOW):
        assert limit.payload_limit == FIRST
        assert limit.update([(0.0, 0.0, 1000)], [LARGE] * 3, 1.0) is (limit.payload_limit == SECOND)
    assert limit.payload_limit == SECOND


@pytest.mark.parametrize("share", [0.02, 0.1, 0.2])
def test_losses_by_chance_leave_payloads_of_many_sizes_as_they_are(share: float) -> None:
    chance = random.Random(share)
    limit = PacketSizeLimit()
    for _ in range(10_000):
        packets = [(chance.randint(300, LARGE), chance.random() < share) for _ in range(10)]
        arrived = [(0.0, 0.0, size) for size, lost in packets if not lost]
        limit.update(arrived, [size for size, lost in packets if lost], 1.0)
    assert limit.payload_limit == FIRST


@pytest.mark.parametrize(
    "feedback",
    [
        # A path that loses half of all packets.
        [([SMALL, LARGE], [LARGE, SMALL])],
        # An outage: nothing arrives.
        [([], [LARGE] * 9)],
        # Small packets are lost alone.
        [([LARGE], [SMALL] * 9)],
        # A large packet arrives now and then.
        [([SMALL], [LARGE] * 9), ([LARGE], [])],
    ],
)
def test_other_losses_leave_payloads_as_they_are(feedback: list[News]) -> None:
    assert fed(*feedback, times=9).payload_limit == FIRST


def test_lost_packets_are_too_large_only_once_smaller_ones_are_sent() -> None:
    lost = [LARGE, LARGE - 100, SECOND + HEADERS, SMALL]
    assert PacketSizeLimit().too_large(lost) == 0
    assert fed(([SMALL], [LARGE] * 3)).too_large(lost) == 2


def test_lost_copies_of_large_packets_make_payloads_no_smaller_than_the_path_asks_for() -> None:
    limit = fed(([SMALL], [LARGE] * 3))
    for _ in range(100):
        limit.update([(0.0, 0.0, SECOND)], [LARGE] * 3, 1.0)
    assert limit.payload_limit == SECOND


def test_few_losses_are_no_sign() -> None:
    limit = fed(([SMALL], [LARGE]), times=SUSPICIONS)
    assert SUSPICIONS < LOST
    assert limit.payload_limit == FIRST


def test_what_is_just_below_the_next_limit_is_no_large_packet() -> None:
    assert fed(([SMALL], [SECOND + HEADERS] * 9)).payload_limit == FIRST


def test_payloads_get_smaller_where_nothing_but_large_packets_was_sent_into_silence() -> None:
    limit = PacketSizeLimit()
    for tenth in range(int(10 * ANSWER_TIMEOUT) + 1):
        assert limit.payload_limit == FIRST
        limit.on_sent([LARGE], tenth / 10)
    assert limit.payload_limit == SECOND
    for tenth in range(1000):
        limit.on_sent([700], 10.0 + tenth / 10)
    assert limit.payload_limit == LAST


def test_a_peer_that_reports_ends_the_wait() -> None:
    limit = PacketSizeLimit()
    limit.on_report()

    assert not limit.unanswered


def test_larger_payloads_are_tried_again_after_ten_minutes() -> None:
    limit = fed(([SMALL], [LARGE] * 3))
    limit.update([(0.0, 0.0, SMALL)], [], RAISE_INTERVAL)
    assert limit.payload_limit == SECOND
    limit.update([(0.0, 0.0, SMALL)], [], 1.0 + RAISE_INTERVAL)
    assert limit.payload_limit == FIRST
