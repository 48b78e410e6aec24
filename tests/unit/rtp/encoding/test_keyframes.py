"""Keyframes of a shared encoder on request, at most one each 500 ms."""

from __future__ import annotations

from peer.rtp.encoding.keyframes import INTERVAL, KeyframeRequestMerger


def test_encoder_serves_the_first_keyframe_request_at_once() -> None:
    requests = KeyframeRequestMerger()
    assert not requests.is_due(10.0)
    requests.request()
    assert requests.is_due(10.0)


def test_one_keyframe_answers_all_earlier_requests() -> None:
    requests = KeyframeRequestMerger()
    requests.request()
    requests.request()
    requests.on_keyframe(10.0)
    assert not requests.is_due(99.0)


def test_early_encoder_keyframe_request_waits_for_the_interval() -> None:
    requests = KeyframeRequestMerger()
    requests.on_keyframe(10.0)
    requests.request()
    assert not requests.is_due(10.0 + INTERVAL - 0.01)
    assert requests.is_due(10.0 + INTERVAL)


def test_fifty_peers_get_at_most_two_keyframes_a_second() -> None:
    requests = KeyframeRequestMerger()
    made = 0
    for tick in range(300):
        requests.request()
        if requests.is_due(tick / 30):
            requests.on_keyframe(tick / 30)
            made += 1
    assert made == 20
