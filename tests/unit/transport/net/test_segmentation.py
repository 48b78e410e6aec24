"""Runs of datagrams that one system call can send (UDP_SEGMENT)."""

from __future__ import annotations

import pytest

from peer.transport.net.segmentation import MAX_DATAGRAM_SIZE, end_of_run


@pytest.mark.parametrize(
    ("sizes", "start", "end"),
    [
        ([1200], 0, 1),
        ([1200] * 5, 0, 5),
        ([1200] * 5, 3, 5),
        ([1200, 1200, 7, 7], 0, 3),
        ([1200, 1200, 1201], 0, 2),
        ([700, 800], 0, 1),
        ([800, 700, 800], 0, 2),
        ([0, 0], 0, 1),
        ([5, 0, 5], 0, 1),
        ([MAX_DATAGRAM_SIZE] * 2, 0, 1),
        ([1000] * 200, 0, 31),
        ([1000] * 200, 31, 62),
    ],
)
def test_segmentation_run_has_one_size_and_a_shorter_last_datagram(
    sizes: list[int], start: int, end: int
) -> None:
    assert end_of_run([bytes(size) for size in sizes], start) == end
