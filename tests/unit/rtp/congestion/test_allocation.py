"""Division of a bitrate among senders."""

from __future__ import annotations

import random

from peer.rtp.congestion import Share, allocate


def test_allocate_gives_equal_shares_the_same() -> None:
    assert allocate(900, (Share(), Share(), Share())) == (300, 300, 300)


def test_allocate_follows_weights() -> None:
    assert allocate(900, (Share(weight=2), Share(weight=1))) == (600, 300)


def test_allocate_gives_bitrate_above_a_maximum_to_the_others() -> None:
    assert allocate(900, (Share(maximum=100), Share(), Share())) == (100, 400, 400)


def test_allocate_serves_minimums_in_order() -> None:
    assert allocate(100, (Share(minimum=80), Share(minimum=80), Share())) == (80, 20, 0)
    assert allocate(400, (Share(minimum=200), Share())) == (300, 100)


def test_allocate_bounds_a_minimum_by_the_maximum() -> None:
    assert allocate(1000, (Share(minimum=300, maximum=200), Share())) == (200, 800)


def test_allocate_leaves_bitrate_above_all_maximums() -> None:
    assert allocate(1000, (Share(maximum=100), Share(maximum=50))) == (100, 50)


def test_allocate_without_shares_is_empty() -> None:
    assert allocate(1000, ()) == ()


def test_allocate_never_exceeds_the_bitrate() -> None:
    chance = random.Random(3)
    for _ in range(2000):
        shares = [
            Share(
                chance.randrange(500),
                chance.choice((None, chance.randrange(2000))),
                chance.uniform(0.1, 9),
            )
            for _ in range(chance.randrange(6))
        ]
        bitrate = chance.randrange(3000)
        given = allocate(bitrate, shares)
        assert sum(given) <= bitrate
        for got, share in zip(given, shares, strict=True):
            assert got >= 0
            assert share.maximum is None or got <= share.maximum
        if any(share.maximum is None for share in shares):
            assert sum(given) >= bitrate - len(shares)
