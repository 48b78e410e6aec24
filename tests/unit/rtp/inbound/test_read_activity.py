"""Whether somebody reads."""

from __future__ import annotations

from peer.rtp.inbound.read_activity import LINGER, ReadActivity


def test_track_is_not_read_at_first() -> None:
    read_activity = ReadActivity()
    assert not read_activity.is_active(0.0)
    assert read_activity.deadline is None


def test_waiting_read_counts_for_ever() -> None:
    read_activity = ReadActivity()
    read_activity.begin()
    assert read_activity.is_active(1e9)
    assert read_activity.deadline is None


def test_track_counts_as_read_for_a_while_after_last_read() -> None:
    read_activity = ReadActivity()
    read_activity.begin()
    read_activity.end(10.0)
    assert read_activity.deadline == 10.0 + LINGER
    assert read_activity.is_active(10.0 + LINGER - 0.01)
    assert not read_activity.is_active(10.0 + LINGER)


def test_one_waiting_read_of_two_counts() -> None:
    read_activity = ReadActivity()
    read_activity.begin()
    read_activity.begin()
    read_activity.end(10.0)
    assert read_activity.is_active(1e9)
    assert read_activity.deadline is None
