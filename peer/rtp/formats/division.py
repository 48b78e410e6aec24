"""Divides a frame among packets of nearly one size."""

from __future__ import annotations


def split_evenly(data: bytes, room: int) -> list[bytes]:
    """Split data into the fewest pieces of at most `room` bytes, of nearly one size.

    Even pieces leave a pacer no runt, and a loss costs the same whichever packet it hits.
    """
    length = len(data)
    if length <= room:
        return [data]
    count = -(-length // room)
    size = -(-length // count)
    return [data[start : start + size] for start in range(0, length, size)]
