"""Key frames on request, at most one each 500 ms."""

from __future__ import annotations

from peer.rtp.encoding.keyframes import INTERVAL, KeyframeRequestMerger


def test_the_first_request_is_served_at_once() -> None:
    requests = KeyframeRequestMerger()
    assert not requests.is_due(10.0)
    requests.request()
    assert requests.is_due(10.0)


def test_one_key_frame_serves_all_requests_before_it() -> None:
    requests = KeyframeRequestMerger()
    requests.request()
    requests.request()
    requests.on_keyframe(10.0)
    assert not requests.is_due(99.0)


def test_a_request_too_soon_is_served_at_the_end_of_the_interval() -> None:
    requests = KeyframeRequestMerger()
    requests.on_keyframe(10.0)
    requests.request()
    assert not requests.is_due(10.0 + INTERVAL - 0.01)
    assert requests.is_due(10.0 + INTERVAL)


def test_fifty_peers_that_ask_all_the_time_get_two_a_second() -> None:
    requests = KeyframeRequestMerger()
    made = 0
    for tick in range(300):
        requests.request()
        if requests.is_due(tick / 30):
            requests.on_keyframe(tick / 30)
            made += 1
    assert made == 20
