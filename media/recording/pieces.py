"""Bytes that are kept in memory until they are a whole piece of a file."""

from __future__ import annotations

import io
import os
from typing import NamedTuple, TypeAlias

#: One of os.SEEK_SET, os.SEEK_CUR and os.SEEK_END.
Whence: TypeAlias = int


class Patch(NamedTuple):
    """Correction of bytes that are in the file: position and new bytes."""

    place: int
    data: bytes


class PieceBuffer:
    """File object for PyAV that keeps all bytes until they are collected.

    Attributes:
        size: Bytes that the file holds.
    """

    def __init__(self) -> None:
        self._kept: list[Patch] = []
        self._position = 0
        self._end = 0
        self.size = 0

    def write(self, data: bytes) -> int:
        """Keep bytes for the present position."""
        octets = bytes(data)
        self._kept.append(Patch(self._position, octets))
        self._position += len(octets)
        self._end = max(self._end, self._position)
        return len(octets)

    def seek(self, offset: int, whence: Whence = os.SEEK_SET) -> int:
        """Set the position, and return it."""
        match whence:
            case os.SEEK_CUR:
                offset += self._position
            case os.SEEK_END:
                offset += self._end
            case _:
                pass
        self._position = offset
        return offset

    def tell(self) -> int:
        """Return the present position."""
        return self._position

    def collect(self) -> tuple[bytes, list[Patch]]:
        """Take the kept bytes: those to append to the file, and corrections of earlier ones."""
        kept, self._kept = self._kept, []
        new = io.BytesIO()
        patches = []
        for patch in kept:
            # FFmpeg's corrections of earlier pieces are written after the new piece.
            if patch.place < self.size:
                patches.append(patch)
            else:
                new.seek(patch.place - self.size)
                new.write(patch.data)
        return new.getvalue(), patches
