"""How a bitrate is divided."""

from __future__ import annotations

import random

from peer.rtp.congestion import Share, allocate


def test_equal_shares_get_the_same() -> None:
    assert allocate(900, (Share(), Share(), Share())) == (300, 300, 300)


def test_weight_decides() -> None:
    assert allocate(900, (Share(weight=2), Share(weight=1))) == (600, 300)


def test_what_one_cannot_use_goes_to_the_others() -> None:
    assert allocate(900, (Share(maximum=100), Share(), Share())) == (100, 400, 400)


def test_minimum_comes_first_in_the_order_of_the_shares() -> None:
    assert allocate(100, (Share(minimum=80), Share(minimum=80), Share())) == (80, 20, 0)
    assert allocate(400, (Share(minimum=200), Share())) == (300, 100)


def test_minimum_above_the_maximum_is_the_maximum() -> None:
    assert allocate(1000, (Share(minimum=300, maximum=200), Share())) == (200, 800)


def test_what_nobody_can_use_stays() -> None:
    assert allocate(1000, (Share(maximum=100), Share(maximum=50))) == (100, 50)


def test_nobody_gets_nothing() -> None:
    assert allocate(1000, ()) == ()


def test_together_never_more_than_there_is() -> None:
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
