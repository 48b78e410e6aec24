"""Boxes of MP4 files (ISO/IEC 14496-12 section 4.2): reading and writing. PURE."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Box(NamedTuple):
    """Box of an MP4 file: type, start and contents (ISO/IEC 14496-12 section 4.2)."""

    kind: bytes
    start: int
    data: bytes

    @property
    def end(self) -> int:
        """The start of the next box."""
        return self.start + 8 + len(self.data)


def boxes(data: bytes) -> Iterator[Box]:
    """Yield consecutive boxes, whose sizes have 32 bits as FFmpeg writes them for us."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8:
            return
        yield Box(data[at + 4 : at + 8], at, data[at + 8 : at + size])
        at += size


def inside(data: bytes, *path: bytes) -> Iterator[bytes]:
    """Yield the contents of all boxes at a path of types."""
    for box in boxes(data):
        if box.kind == path[0]:
            if len(path) == 1:
                yield box.data
            else:
                yield from inside(box.data, *path[1:])


def box_of(kind: bytes, *data: bytes) -> bytes:
    """Return a box of a type and contents."""
    return b"".join(((8 + sum(map(len, data))).to_bytes(4, "big"), kind, *data))


def full_box_of(kind: bytes, *, data: bytes, version: int = 0, flags: int = 0) -> bytes:
    """Return a box with version and flags (section 4.2.2)."""
    return box_of(kind, (version << 24 | flags).to_bytes(4, "big"), data)
