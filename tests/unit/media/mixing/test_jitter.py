from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from media.mixing.blocks import SAMPLES
from media.mixing.jitter import FIRST, LIMIT, MOST, JitterQueue

if TYPE_CHECKING:
    from media.mixing.blocks import Block


def block(value: float) -> Block:
    return np.full((SAMPLES, 1), value, dtype=np.float32)


def middle(taken: Block | None) -> float | None:
    """The sample in the middle, away from what is faded."""
    return None if taken is None else round(float(taken[SAMPLES // 2, 0]), 4)


def filled(count: int) -> JitterQueue:
    queue = JitterQueue()
    for n in range(count):
        queue.put(block(n + 1))
    return queue


def test_it_begins_when_enough_is_there() -> None:
    queue = JitterQueue()
    for n in range(FIRST - 1):
        queue.put(block(n + 1))
        assert queue.take() is None
    queue.put(block(9))
    assert middle(queue.take()) == 1
    assert queue.dry == 0


def test_irregular_arrival_is_evened_out() -> None:
    queue, taken = filled(2), []
    for n in range(3, 41, 2):  # two at once, each other time
        taken += [middle(queue.take()), middle(queue.take())]
        queue.put(block(n))
        queue.put(block(n + 1))
    assert taken == list(range(1, 39))
    assert (queue.dry, queue.dropped) == (0, 0)


def test_where_it_runs_dry_the_last_block_fades_and_more_is_waited_for() -> None:
    queue = filled(2)
    queue.take()
    queue.take()
    fading = queue.take()
    assert fading is not None
    assert fading[0, 0] == 2
    assert fading[-1, 0] == 0
    assert queue.dry == 1
    queue.put(block(3))
    queue.put(block(4))
    assert queue.take() is None
    queue.put(block(5))
    begun = queue.take()
    assert middle(begun) == 3
    assert begun is not None
    assert begun[0, 0] == 0


def test_no_more_than_a_bound_is_waited_for() -> None:
    queue = JitterQueue()
    for _ in range(20):
        while queue.take() is None:
            queue.put(block(1))
            assert len(queue) <= MOST
        while len(queue):
            queue.take()
        queue.take()
    assert queue.dry == 20


def test_ten_quiet_seconds_make_it_wait_for_less() -> None:
    queue = filled(2)
    for _ in range(3):
        queue.take()
    for _ in range(3):
        queue.put(block(1))
    # One at a time with two in hand: with three wanted that is right, with two one is too many.
    for _ in range(499):
        queue.take()
        queue.put(block(1))
    assert queue.dropped == 0
    for _ in range(101):
        queue.take()
        queue.put(block(1))
    assert queue.dropped == 1


def test_what_a_fast_clock_brings_too_much_is_laid_over() -> None:
    queue = filled(2)
    for n in range(50 * 60):
        queue.take()
        queue.put(block(1))
        if n % 500 == 0:
            queue.put(block(1))
    assert queue.dropped >= 5
    assert len(queue) <= FIRST + 1


def test_laid_over_blocks_go_from_the_one_into_the_other() -> None:
    queue = filled(5)
    for n in range(49):
        queue.take()
        queue.put(block(6 + n))
    taken = queue.take()
    assert taken is not None
    assert queue.dropped == 1
    assert (taken[0, 0], taken[-1, 0]) == (50, 51)


def test_nobody_takes() -> None:
    queue = filled(1000)
    assert len(queue) <= LIMIT
    assert middle(queue.take()) is not None
    taken = [middle(queue.take()) for _ in range(LIMIT)]
    assert 1000 in taken


def test_silence_goes_through_as_nothing() -> None:
    queue = JitterQueue()
    for _ in range(100):
        queue.put(None)
        assert queue.take() is None
    assert queue.dry == 0
