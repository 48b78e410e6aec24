"""The bitrate of a sender is divided among the layers of its simulcast, the smallest first."""

from __future__ import annotations

from itertools import pairwise

import pytest

from peer.rtp.congestion.layers import (
    BEGIN_RATIO,
    LayerShare,
    allocate_layers,
    layer_share,
    sender_share,
    waiting_bitrate,
)

SIZES = (320 * 180, 640 * 360, 1280 * 720)
LAYERS = tuple(layer_share(pixels, highest=None) for pixels in SIZES)
NONE, ALL = (False, False, False), (True, True, True)


@pytest.mark.parametrize(
    ("bitrate", "given"),
    [
        (20_000, (20_000, 0, 0)),
        (150_000, (150_000, 0, 0)),
        (300_000, (200_000, 0, 0)),
        (330_000, (150_000, 180_000, 0)),
        (900_000, (200_000, 700_000, 0)),
        (1_400_000, (150_000, 500_000, 750_000)),
        (9_000_000, (200_000, 700_000, 2_500_000)),
    ],
)
def test_layers_begin_one_after_the_other(bitrate: int, given: tuple[int, ...]) -> None:
    assert allocate_layers(bitrate, LAYERS, NONE) == given


def test_layer_that_is_sent_stops_only_below_its_least_bitrate() -> None:
    needed = 150_000 + 500_000 + LAYERS[2].minimum
    assert allocate_layers(needed, LAYERS, NONE)[2] == 0
    assert allocate_layers(needed, LAYERS, ALL)[2] == LAYERS[2].minimum
    assert allocate_layers(needed - 1, LAYERS, ALL)[2] == 0


def test_order_of_the_layers_does_not_matter() -> None:
    assert allocate_layers(330_000, LAYERS[::-1], NONE) == (0, 180_000, 150_000)


@pytest.mark.parametrize("bitrate", range(0, 4_000_000, 130_000))
def test_no_more_is_given_than_there_is_nor_more_than_a_layer_takes(bitrate: int) -> None:
    for sent in (NONE, ALL):
        given = allocate_layers(bitrate, LAYERS, sent)
        assert sum(given) <= bitrate
        assert all(part <= (each.maximum or 0) for part, each in zip(given, LAYERS, strict=True))
        assert all(one or not two for one, two in pairwise(given))


def test_next_layer_waits_for_its_least_bitrate_beside_the_smaller_ones() -> None:
    assert waiting_bitrate(LAYERS, (150_000, 0, 0)) == 150_000 + round(150_000 * BEGIN_RATIO)
    assert waiting_bitrate(LAYERS, (150_000, 500_000, 0)) == 650_000 + round(600_000 * BEGIN_RATIO)
    assert waiting_bitrate(LAYERS, (150_000, 500_000, 750_000)) is None
    for bitrate in range(0, 3_000_000, 10_000):
        given = allocate_layers(bitrate, LAYERS, NONE)
        needed = waiting_bitrate(LAYERS, given)
        assert needed is None or bitrate < needed or not given[0]


def test_bitrate_that_a_program_allows_bounds_a_layer_or_raises_it() -> None:
    low = layer_share(SIZES[2], highest=100_000)
    assert (low.minimum, low.target, low.maximum) == (100_000, 100_000, 100_000)
    high = layer_share(SIZES[0], highest=1_000_000)
    assert (high.minimum, high.target, high.maximum) == (30_000, 150_000, 1_000_000)


def test_larger_pictures_need_more() -> None:
    shares = [layer_share(pixels, highest=None) for pixels in range(1, 3840 * 2160, 50_000)]
    for one, two in pairwise(shares):
        assert one.minimum <= two.minimum
        assert one.target <= two.target
        assert one.minimum <= one.target <= (one.maximum or 0)


def test_sender_claims_the_least_of_its_smallest_layer_and_the_sum_of_all() -> None:
    share = sender_share(LAYERS)
    assert (share.minimum, share.maximum) == (30_000, 200_000 + 700_000 + 2_500_000)
    equal = LayerShare(minimum=10, maximum=20, target=15, pixels=1)
    assert sender_share([equal, equal]).maximum == 40


def test_sender_has_the_weight_of_its_layer_of_the_highest_priority() -> None:
    layers = [layer_share(SIZES[0], highest=None, weight=weight) for weight in (0.5, 4.0, 1.0)]
    assert sender_share(layers).weight == 4.0
