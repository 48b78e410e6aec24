"""A track counts as read while a read waits, and for a while after one."""

from __future__ import annotations

from peer.rtp.inbound.read_activity import LINGER, ReadActivity


def test_track_is_not_read_at_first() -> None:
    activity = ReadActivity()
    assert not activity.is_active(0.0)
    assert activity.deadline is None


def test_waiting_read_counts_for_ever() -> None:
    activity = ReadActivity()
    activity.begin()
    assert activity.is_active(1e9)
    assert activity.deadline is None


def test_track_counts_as_read_for_a_while_after_last_read() -> None:
    activity = ReadActivity()
    activity.begin()
    activity.end(10.0)
    assert activity.deadline == 10.0 + LINGER
    assert activity.is_active(10.0 + LINGER - 0.01)
    assert not activity.is_active(10.0 + LINGER)


def test_one_waiting_read_of_two_counts() -> None:
    activity = ReadActivity()
    activity.begin()
    activity.begin()
    activity.end(10.0)
    assert activity.is_active(1e9)
    assert activity.deadline is None
