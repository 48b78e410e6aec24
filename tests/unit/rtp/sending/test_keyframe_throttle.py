"""When key frames that peers ask for are made."""

from __future__ import annotations

import random
from itertools import pairwise

from peer.rtp.sending import KeyframeThrottle


def test_first_request_is_served_at_once() -> None:
    policy = KeyframeThrottle()
    assert policy.request(10.0)
    assert policy.deadline is None


def test_request_soon_after_is_served_at_the_end_of_half_a_second() -> None:
    policy = KeyframeThrottle()
    policy.request(10.0)
    assert not policy.request(10.1)
    assert policy.deadline == 10.5
    assert not policy.advance(10.49)
    assert policy.advance(10.5)
    assert policy.deadline is None


def test_many_requests_in_between_make_one_key_frame() -> None:
    policy = KeyframeThrottle()
    policy.request(10.0)
    for tenth in range(1, 5):
        assert not policy.request(10.0 + tenth / 10)
    assert policy.advance(10.5)
    assert not policy.advance(11.0)


def test_request_after_half_a_second_is_served_at_once() -> None:
    policy = KeyframeThrottle()
    policy.request(10.0)
    assert policy.request(10.5)


def test_key_frame_on_its_way_answers_what_waits() -> None:
    policy = KeyframeThrottle()
    policy.request(10.0)
    policy.request(10.1)
    policy.sent(10.2)
    assert policy.deadline is None
    assert not policy.advance(10.5)
    assert not policy.request(10.6)
    assert policy.deadline == 10.7


def test_fir_that_is_repeated_is_one_request() -> None:
    policy = KeyframeThrottle()
    assert policy.fir(7, 10.0)
    assert not policy.fir(7, 11.0)
    assert policy.deadline is None
    assert policy.fir(8, 12.0)


def test_never_more_than_one_in_half_a_second() -> None:
    chance = random.Random(5)
    policy = KeyframeThrottle()
    made = []
    now = 0.0
    for _ in range(5000):
        now += chance.expovariate(20)
        due = policy.deadline
        if due is not None and due <= now and policy.advance(due):
            made.append(due)
        if policy.request(now):
            made.append(now)
    assert len(made) > 100
    assert min(later - sooner for sooner, later in pairwise(made)) >= 0.5 - 1e-9
