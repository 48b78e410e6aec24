"""How much room an encoder leaves for repairs."""

from __future__ import annotations

import pytest

from peer.rtp.outbound.repair_part import RepairPart


def test_nothing_sent_again_leaves_all_to_the_encoder() -> None:
    repairs = RepairPart()
    assert not repairs.update(1000, 0)
    assert repairs.part == 0.0


def test_part_follows_from_report_to_report_and_falls_again() -> None:
    repairs = RepairPart()
    octets = again = 0
    for _ in range(8):
        octets, again = octets + 800, again + 200
        repairs.update(octets, again)
    assert repairs.part == pytest.approx(0.2, abs=0.02)
    for _ in range(8):
        octets += 1000
        repairs.update(octets, again)
    assert repairs.part < 0.02


def test_small_changes_are_not_told() -> None:
    repairs = RepairPart()
    assert not repairs.update(990, 10)
    assert repairs.update(1890, 110)


def test_half_of_the_rate_is_for_what_is_new() -> None:
    repairs = RepairPart()
    for count in range(1, 9):
        repairs.update(100 * count, 900 * count)
    assert repairs.part == 0.5


def test_a_report_without_anything_sent_says_nothing() -> None:
    assert not RepairPart().update(0, 0)
