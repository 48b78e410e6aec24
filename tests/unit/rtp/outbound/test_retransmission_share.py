"""How much room an encoder leaves for share."""

from __future__ import annotations

import pytest

from peer.rtp.outbound.retransmission_share import RetransmissionShare


def test_nothing_sent_again_leaves_all_to_the_encoder() -> None:
    share = RetransmissionShare()
    assert not share.update(octets=1000, retransmitted=0)
    assert share.share == 0.0


def test_part_follows_from_report_to_report_and_falls_again() -> None:
    share = RetransmissionShare()
    octets = again = 0
    for _ in range(8):
        octets, again = octets + 800, again + 200
        share.update(octets=octets, retransmitted=again)
    assert share.share == pytest.approx(0.2, abs=0.02)
    for _ in range(8):
        octets += 1000
        share.update(octets=octets, retransmitted=again)
    assert share.share < 0.02


def test_small_changes_are_not_told() -> None:
    share = RetransmissionShare()
    assert not share.update(octets=990, retransmitted=10)
    assert share.update(octets=1890, retransmitted=110)


def test_half_of_the_rate_is_for_what_is_new() -> None:
    share = RetransmissionShare()
    for count in range(1, 9):
        share.update(octets=100 * count, retransmitted=900 * count)
    assert share.share == 0.5


def test_a_report_without_anything_sent_says_nothing() -> None:
    assert not RetransmissionShare().update(octets=0, retransmitted=0)
