"""When a key frame is asked for, and how often."""

from __future__ import annotations

from peer.rtp.receiving.pictures import PictureRequests


def asked(requests: PictureRequests, until: float, *, flows: bool = True) -> list[float]:
    times = []
    while requests.due is not None and requests.due < until:
        now = requests.due
        if requests.take(now, heard=now if flows else 0.0, round_trip=0.05):
            times.append(round(now, 3))
    return times


def test_none_is_asked_for_where_none_is_wanted() -> None:
    requests = PictureRequests()
    assert requests.due is None
    assert not requests.take(5.0, heard=5.0, round_trip=0.05)


def test_it_is_asked_for_at_once_then_slower() -> None:
    requests = PictureRequests()
    requests.want(10.0)
    assert asked(requests, 12.5) == [10.0, 10.3, 10.9, 11.5, 12.1]


def test_wanting_it_twice_asks_once() -> None:
    requests = PictureRequests()
    requests.want(10.0)
    requests.take(10.0, heard=10.0, round_trip=0.05)
    requests.want(10.01)
    assert requests.due == 10.3


def test_a_long_round_trip_is_waited_for() -> None:
    requests = PictureRequests()
    requests.want(10.0)
    requests.take(10.0, heard=10.0, round_trip=1.0)
    assert requests.due is not None
    assert requests.due > 11.0


def test_it_ends_when_one_comes() -> None:
    requests = PictureRequests()
    requests.want(10.0)
    requests.wished = True
    requests.came()
    assert requests.due is None
    assert not requests.wished


def test_a_new_loss_is_not_made_to_wait_for_the_former_one() -> None:
    requests = PictureRequests()
    requests.want(10.0)
    requests.take(10.0, heard=10.0, round_trip=0.05)
    requests.came()
    requests.want(10.15)
    assert requests.due == 10.15


def test_two_requests_are_never_close_together() -> None:
    requests = PictureRequests()
    requests.want(10.0)
    requests.take(10.0, heard=10.0, round_trip=0.05)
    requests.came()
    requests.want(10.01)
    assert requests.due == 10.1


def test_a_peer_that_sends_nothing_is_left_alone() -> None:
    requests = PictureRequests()
    requests.want(10.0)
    assert len(asked(requests, 60.0, flows=False)) == 3
    assert requests.take(61.0, heard=60.9, round_trip=0.05)


def test_a_peer_that_sends_again_is_asked_at_once() -> None:
    requests = PictureRequests()
    requests.want(10.0)
    assert asked(requests, 12.5, flows=False)[-1] == 10.9
    assert requests.due is not None
    assert requests.due > 12.2
    assert requests.take(12.1, heard=12.1, round_trip=0.05)
    # As at first, whatever had been asked for in vain.
    assert round(requests.due, 3) == 12.4


def test_a_peer_that_was_silent_for_a_moment_is_not_asked_twice_at_once() -> None:
    requests = PictureRequests()
    requests.want(10.0)
    assert asked(requests, 10.5, flows=False) == [10.0, 10.3]
    assert not requests.take(10.35, heard=10.35, round_trip=0.05)
    assert requests.take(10.4, heard=10.35, round_trip=0.05)
