"""Freezes of video (W3C freezeCount)."""

from __future__ import annotations

import pytest

from peer.rtp.inbound.freezes import FreezeMeter


def shown(*intervals: float) -> FreezeMeter:
    """After a second of 30 pictures, these intervals."""
    meter = FreezeMeter()
    now = 0.0
    meter.on_frame(now)
    for interval in (*[1 / 30] * 30, *intervals):
        now += interval
        meter.on_frame(now)
    return meter


def test_even_video_frames_are_no_freeze() -> None:
    assert (shown().count, shown().seconds) == (0, 0.0)


def test_freeze_exceeds_average_by_150_ms() -> None:
    # Three times the average is a tenth of a second here: less than the other bound.
    assert shown(1 / 30 + 0.149).count == 0
    assert shown(1 / 30 + 0.151).count == 1


def test_freeze_at_low_rate_exceeds_three_times_average() -> None:
    assert shown(*[0.5] * 40, 1.4).count == shown(*[0.5] * 40).count
    assert shown(*[0.5] * 40, 1.6).count == shown(*[0.5] * 40).count + 1


def test_duration_of_freezes_is_summed() -> None:
    meter = shown(1.0, *[1 / 30] * 30, 2.0)
    assert meter.count == 2
    assert meter.seconds == pytest.approx(3.0)


def test_interrupted_video_is_no_freeze() -> None:
    meter = shown()
    meter.interrupt()
    meter.on_frame(100.0)
    assert meter.count == 0
