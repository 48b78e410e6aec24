"""A frame divided into the fewest parts of nearly one size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from peer.rtp.formats.division import split_evenly


@given(st.binary(min_size=1, max_size=500), st.integers(1, 60))
def test_split_evenly_makes_few_even_parts(data: bytes, room: int) -> None:
    parts = split_evenly(data, room)
    sizes = [len(part) for part in parts]

    assert b"".join(parts) == data
    assert max(sizes) <= room
    assert len(parts) == -(-len(data) // room)
    assert max(sizes) - min(sizes) < len(parts) + 1
