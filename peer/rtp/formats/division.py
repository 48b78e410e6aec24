"""Owns dividing a frame among packets."""

from __future__ import annotations


def evenly(data: bytes, room: int) -> list[bytes]:
    """As few pieces of at most `room` octets as there can be, of nearly one size.

    Even pieces leave a pacer no runt, and a loss costs the same whichever packet it hits.
    """
    length = len(data)
    if length <= room:
        return [data]
    count = -(-length // room)
    size = -(-length // count)
    return [data[start : start + size] for start in range(0, length, size)]
