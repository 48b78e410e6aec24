"""Decoding times of pictures that come in another order than they are shown in."""

from __future__ import annotations

import pytest

from peer.rtp.decode_order import DEPTH_LIMIT, DecodeOrder

PATTERNS = {
    0: [0, 1, 2, 3, 4, 5, 6, 7, 8],
    1: [0, 3, 1, 2, 6, 4, 5, 9, 7, 8],
    2: [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11],
}


def decoded(order: DecodeOrder[float], times: list[int], step: float = 0.04) -> list[int]:
    made = []
    for time in times:
        order.add(time * step)
        made.append(round(order.decoded() / step))
    return made


@pytest.mark.parametrize("depth", PATTERNS)
def test_decoding_times_are_those_of_showing_as_many_pictures_earlier_as_are_reordered(
    depth: int,
) -> None:
    order: DecodeOrder[float] = DecodeOrder()
    order.allow(depth)
    times = PATTERNS[depth]
    made = decoded(order, times)
    assert made == [0] * depth + list(range(len(times) - depth))
    assert all(when <= shown for when, shown in zip(made, times, strict=True))


@pytest.mark.parametrize("depth", PATTERNS)
def test_depth_is_found_out_where_nothing_foretells_it(depth: int) -> None:
    order: DecodeOrder[float] = DecodeOrder()
    times = PATTERNS[depth]
    made = decoded(order, times)
    assert order.depth == depth
    assert made[-1] == max(times) - depth


def test_depth_that_is_foretold_in_vain_counts_for_a_short_time_only() -> None:
    order: DecodeOrder[float] = DecodeOrder()
    order.allow(4)
    made = decoded(order, list(range(40)))
    assert made[10] == 6
    assert made[-1] == 39
    assert order.depth == 0


def test_foretold_depth_is_bounded_and_counts_before_the_first_picture_only() -> None:
    order: DecodeOrder[float] = DecodeOrder()
    order.allow(1_000_000)
    assert order.depth == DEPTH_LIMIT
    order = DecodeOrder()
    order.add(0.0)
    order.allow(3)
    assert order.depth == 0


def test_clock_that_is_set_back_is_no_b_frame() -> None:
    order: DecodeOrder[float] = DecodeOrder()
    made = decoded(order, [*range(100, 130), *range(30)], step=0.04)
    assert order.depth == 0
    assert made == [*range(100, 130), *range(30)]
