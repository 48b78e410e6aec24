"""Whether somebody reads."""

from __future__ import annotations

from peer.rtp.inbound.read_activity import LINGER, ReadActivity


def test_nobody_reads_at_first() -> None:
    read_activity = ReadActivity()
    assert not read_activity.is_active(0.0)
    assert read_activity.deadline is None


def test_a_read_that_waits_is_a_reader_for_ever() -> None:
    read_activity = ReadActivity()
    read_activity.begin()
    assert read_activity.is_active(1e9)
    assert read_activity.deadline is None


def test_a_reader_lingers() -> None:
    read_activity = ReadActivity()
    read_activity.begin()
    read_activity.end(10.0)
    assert read_activity.deadline == 10.0 + LINGER
    assert read_activity.is_active(10.0 + LINGER - 0.01)
    assert not read_activity.is_active(10.0 + LINGER)


def test_one_of_two_reads_that_still_waits_counts() -> None:
    read_activity = ReadActivity()
    read_activity.begin()
    read_activity.begin()
    read_activity.end(10.0)
    assert read_activity.is_active(1e9)
    assert read_activity.deadline is None
