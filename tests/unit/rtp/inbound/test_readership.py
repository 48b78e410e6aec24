"""Whether somebody reads."""

from __future__ import annotations

from peer.rtp.inbound.readership import LINGER, Readership


def test_nobody_reads_at_first() -> None:
    readership = Readership()
    assert not readership.lasts(0.0)
    assert readership.deadline is None


def test_a_read_that_waits_is_a_reader_for_ever() -> None:
    readership = Readership()
    readership.begin()
    assert readership.lasts(1e9)
    assert readership.deadline is None


def test_a_reader_lingers() -> None:
    readership = Readership()
    readership.begin()
    readership.end(10.0)
    assert readership.deadline == 10.0 + LINGER
    assert readership.lasts(10.0 + LINGER - 0.01)
    assert not readership.lasts(10.0 + LINGER)


def test_one_of_two_reads_that_still_waits_counts() -> None:
    readership = Readership()
    readership.begin()
    readership.begin()
    readership.end(10.0)
    assert readership.lasts(1e9)
    assert readership.deadline is None
