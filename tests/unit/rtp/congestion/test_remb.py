"""The receiver's bitrate estimate, for peers that follow REMB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.congestion import RembEstimator
from peer.rtp.congestion.remb import STREAM_LIMIT, STREAM_TIMEOUT
from peer.rtp.packet import abs_send_time

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


def test_remb_estimate_is_about_the_received_bitrate() -> None:
    told = receive(RembEstimator(7), begin=100, seconds=10, bitrate=1e6)
    assert told
    assert told[-1].sender_ssrc == 7
    assert told[-1].ssrcs == (5,)
    assert 0.9e6 < told[-1].bitrate < 1.6e6


def test_remb_estimate_falls_below_a_narrow_link() -> None:
    told = receive(RembEstimator(7), begin=100, seconds=5, bitrate=2e6, capacity=1e6)
    assert 0.6e6 < min(each.bitrate for each in told) < 1e6


def test_remb_is_sent_about_twice_a_second() -> None:
    told = receive(RembEstimator(7), begin=100, seconds=20, bitrate=1e6)
    assert 25 <= len(told) <= 45


def test_remb_does_not_name_silent_streams() -> None:
    estimator = RembEstimator(7)
    receive(estimator, begin=100, seconds=5, bitrate=1e6, ssrc=5)
    told = receive(estimator, begin=105, seconds=STREAM_TIMEOUT + 1, bitrate=1e6, ssrc=6)
    assert told[0].ssrcs == (5, 6)
    assert told[-1].ssrcs == (6,)


def test_remb_names_at_most_64_streams() -> None:
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


def test_remb_estimate_survives_a_pause_of_a_year() -> None:
    estimator = RembEstimator(7)
    before = receive(estimator, begin=100, seconds=10, bitrate=1e6)[-1].bitrate
    after = receive(estimator, begin=31_000_000, seconds=2, bitrate=1e6)
    assert abs(after[0].bitrate - before) < 0.3 * before


def test_remb_estimator_accepts_a_clock_that_goes_back() -> None:
    estimator = RembEstimator(7)
    receive(estimator, begin=100, seconds=5, bitrate=1e6)
    assert receive(estimator, begin=50, seconds=5, bitrate=1e6)


def test_remb_ignores_a_send_time_of_another_length() -> None:
    estimator = RembEstimator(7)
    assert all(
        estimator.receive(ssrc=5, send_time=bytes(n % 3), size=1000, arrival=n / 10) is None
        for n in range(100)
    )
