from __future__ import annotations

import pytest

from signaling.server.rate import TokenBucket


def test_a_burst_passes_at_once() -> None:
    bucket = TokenBucket(rate=10, burst=3, now=0)
    assert [bucket.take(0) for _ in range(3)] == [0, 0, 0]


def test_after_the_burst_each_waits_its_turn() -> None:
    bucket = TokenBucket(rate=10, burst=1, now=0)
    bucket.take(0)
    assert [bucket.take(0), bucket.take(0)] == pytest.approx([0.1, 0.2])


def test_what_costs_more_than_a_burst_passes_and_is_paid_for() -> None:
    bucket = TokenBucket(rate=10, burst=20, now=0)
    assert bucket.take(0, tokens=50) == pytest.approx(3)
    assert bucket.take(3, tokens=5) == pytest.approx(0.5)


def test_tokens_return_with_time_and_not_beyond_the_burst() -> None:
    bucket = TokenBucket(rate=10, burst=2, now=0)
    bucket.take(0)
    bucket.take(0)
    assert [bucket.take(100) for _ in range(3)] == pytest.approx([0, 0, 0.1])
