"""The share of the bitrate that retransmissions take from the encoder."""

from __future__ import annotations

import pytest

from peer.rtp.outbound.retransmission_share import RetransmissionShare


def test_retransmission_share_is_0_without_retransmissions() -> None:
    share = RetransmissionShare()
    assert not share.update(octets=1000, retransmitted=0)
    assert share.share == 0.0


def test_retransmission_share_rises_and_falls() -> None:
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


def test_small_changes_of_retransmission_share_are_ignored() -> None:
    share = RetransmissionShare()
    assert not share.update(octets=990, retransmitted=10)
    assert share.update(octets=1890, retransmitted=110)


def test_retransmission_share_is_at_most_half() -> None:
    share = RetransmissionShare()
    for count in range(1, 9):
        share.update(octets=100 * count, retransmitted=900 * count)
    assert share.share == 0.5


def test_retransmission_share_ignores_a_report_without_octets() -> None:
    assert not RetransmissionShare().update(octets=0, retransmitted=0)
