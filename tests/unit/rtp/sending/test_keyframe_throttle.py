"""Keyframe requests of the peer are limited to one every 500 ms."""

from __future__ import annotations

import random
from itertools import pairwise

from peer.rtp.sending import KeyframeThrottle


def test_first_keyframe_request_is_served_at_once() -> None:
    throttle = KeyframeThrottle()
    assert throttle.on_request(10.0)
    assert throttle.deadline is None


def test_early_keyframe_request_waits_for_the_end_of_500_ms() -> None:
    throttle = KeyframeThrottle()
    throttle.on_request(10.0)
    assert not throttle.on_request(10.1)
    assert throttle.deadline == 10.5
    assert not throttle.advance(10.49)
    assert throttle.advance(10.5)
    assert throttle.deadline is None


def test_keyframe_requests_within_500_ms_make_one_keyframe() -> None:
    throttle = KeyframeThrottle()
    throttle.on_request(10.0)
    for tenth in range(1, 5):
        assert not throttle.on_request(10.0 + tenth / 10)
    assert throttle.advance(10.5)
    assert not throttle.advance(11.0)


def test_keyframe_request_after_500_ms_is_served_at_once() -> None:
    throttle = KeyframeThrottle()
    throttle.on_request(10.0)
    assert throttle.on_request(10.5)


def test_sent_keyframe_answers_waiting_requests() -> None:
    throttle = KeyframeThrottle()
    throttle.on_request(10.0)
    throttle.on_request(10.1)
    throttle.on_keyframe(10.2)
    assert throttle.deadline is None
    assert not throttle.advance(10.5)
    assert not throttle.on_request(10.6)
    assert throttle.deadline == 10.7


def test_repeated_fir_is_one_keyframe_request() -> None:
    throttle = KeyframeThrottle()
    assert throttle.on_fir(7, now=10.0)
    assert not throttle.on_fir(7, now=11.0)
    assert throttle.deadline is None
    assert throttle.on_fir(8, now=12.0)


def test_keyframe_requests_are_served_at_most_every_500_ms() -> None:
    chance = random.Random(5)
    throttle = KeyframeThrottle()
    made = []
    now = 0.0
    for _ in range(5000):
        now += chance.expovariate(20)
        due = throttle.deadline
        if due is not None and due <= now and throttle.advance(due):
            made.append(due)
        if throttle.on_request(now):
            made.append(now)
    assert len(made) > 100
    assert min(later - sooner for sooner, later in pairwise(made)) >= 0.5 - 1e-9
