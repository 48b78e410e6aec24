"""The receiver's own estimate, for peers that obey REMB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.congestion import RembEstimator
from peer.rtp.congestion.remb import STREAM_LIMIT, STREAM_TIMEOUT
from peer.rtp.header_extensions import abs_send_time

if TYPE_CHECKING:
    from peer.rtp.rtcp import ReceiverEstimatedMaximumBitrate


def receive(
    estimator: RembEstimator,
    *,
    begin: float,
    seconds: float,
    bitrate: float,
    capacity: float = 1e9,
    ssrc: int = 5,
) -> list[ReceiverEstimatedMaximumBitrate]:
    """Packets of 1000 octets at a bitrate, through a link that may be too narrow for it."""
    told = []
    sent, free = begin, begin
    while sent < begin + seconds:
        free = max(free, sent) + 8000 / capacity
        found = estimator.receive(ssrc=ssrc, send_time=abs_send_time(sent), size=1000, arrival=free)
        if found is not None:
            told.append(found)
        sent += 8000 / bitrate
    return told


def test_estimate_is_about_what_gets_through() -> None:
    told = receive(RembEstimator(7), begin=100, seconds=10, bitrate=1e6)
    assert told
    assert told[-1].sender_ssrc == 7
    assert told[-1].ssrcs == (5,)
    assert 0.9e6 < told[-1].bitrate < 1.6e6


def test_link_that_is_too_narrow_lowers_the_estimate_below_it() -> None:
    told = receive(RembEstimator(7), begin=100, seconds=5, bitrate=2e6, capacity=1e6)
    assert 0.6e6 < min(each.bitrate for each in told) < 1e6


def test_estimate_is_told_about_twice_a_second() -> None:
    told = receive(RembEstimator(7), begin=100, seconds=20, bitrate=1e6)
    assert 25 <= len(told) <= 45


def test_streams_that_fell_silent_are_no_longer_named() -> None:
    estimator = RembEstimator(7)
    receive(estimator, begin=100, seconds=5, bitrate=1e6, ssrc=5)
    told = receive(estimator, begin=105, seconds=STREAM_TIMEOUT + 1, bitrate=1e6, ssrc=6)
    assert told[0].ssrcs == (5, 6)
    assert told[-1].ssrcs == (6,)


def test_only_so_many_streams_are_named() -> None:
    estimator = RembEstimator(7)
    named = 0
    for number in range(20_000):
        now = 100 + number / 1000
        told = estimator.receive(
            ssrc=number % 5000, send_time=abs_send_time(now), size=1000, arrival=now
        )
        if told is not None:
            named = max(named, len(told.ssrcs))
    assert named == STREAM_LIMIT


def test_pause_of_a_year_costs_nothing_and_the_estimate_stays() -> None:
    estimator = RembEstimator(7)
    before = receive(estimator, begin=100, seconds=10, bitrate=1e6)[-1].bitrate
    after = receive(estimator, begin=31_000_000, seconds=2, bitrate=1e6)
    assert abs(after[0].bitrate - before) < 0.3 * before


def test_clock_that_goes_back_is_no_harm() -> None:
    estimator = RembEstimator(7)
    receive(estimator, begin=100, seconds=5, bitrate=1e6)
    assert receive(estimator, begin=50, seconds=5, bitrate=1e6)


def test_send_time_of_another_length_is_ignored() -> None:
    estimator = RembEstimator(7)
    assert all(
        estimator.receive(ssrc=5, send_time=bytes(n % 3), size=1000, arrival=n / 10) is None
        for n in range(100)
    )
