from __future__ import annotations

import pytest

from signaling.server import Limits
from signaling.server.rate import ReadingPace, TokenBucket


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


def _flood(pace: ReadingPace, *, now: float, seconds: float) -> float:
    """Send whenever it is read, for so long; returns when that is over, or it was too fast."""
    end = now + seconds
    while now < end:
        wait = pace.wait_after(100, now=now)
        if pace.too_fast(now=now):
            break
        now += wait
    return now


_FLOODED = Limits(messages_per_second=50, burst=200, slowed_timeout=60)


def test_who_sends_without_a_pause_is_too_fast_after_its_time_and_not_before() -> None:
    pace = ReadingPace(_FLOODED, now=0)
    assert _flood(pace, now=0, seconds=1000) == pytest.approx(60, abs=0.1)


def test_a_burst_of_thousands_that_ends_in_time_is_not_too_fast() -> None:
    pace = ReadingPace(_FLOODED, now=0)
    now = 0.0
    for _ in range(10):
        end = now + 59
        now = _flood(pace, now=now, seconds=59)
        assert now >= end
        now += 1


def test_who_keeps_the_rate_is_never_too_fast() -> None:
    pace = ReadingPace(_FLOODED, now=0)
    now = _flood(pace, now=0, seconds=30)
    for _ in range(10_000):
        now += 1 / 49
        now += pace.wait_after(100, now=now)
        assert not pace.too_fast(now=now)


def test_whose_messages_are_large_is_too_fast_as_well() -> None:
    pace = ReadingPace(_FLOODED, now=0)
    now, sent = 0.0, 0
    while not pace.too_fast(now=now):
        now += pace.wait_after(300_000, now=now)
        sent += 1
    assert now == pytest.approx(60, abs=1)
    assert sent < 300
