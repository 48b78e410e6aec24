"""Reads the bit fields of codec headers. PURE."""

from __future__ import annotations

from peer.rtp.malformed import MalformedError

#: Limit of leading zeros in an Exp-Golomb code: no header field has a larger number (ours).
_MOST_ZEROS = 32


class BitReader:
    """Reads bit fields from the most significant bit of the first byte on.

    Reading past the end raises `MalformedError`. Give it only as much of a frame as its headers can
    take: the cost of one field grows with the length.
    """

    __slots__ = ("_left", "_size", "_value")

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._size = self._left = len(data) * 8

    def read(self, count: int) -> int:
        """An unsigned number of `count` bits; `f(n)` and `u(n)` of the codecs' specifications."""
        self._left -= count
        if self._left < 0:
            raise MalformedError("a header ends too early", self._size // 8)
        return (self._value >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        """The next bit as a flag."""
        return self.read(1) == 1

    def unsigned(self) -> int:
        """An unsigned Exp-Golomb code: `ue(v)` of H.264 section 9.1, `uvlc()` of AV1."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > _MOST_ZEROS:
                raise MalformedError("a number out of bounds", (self._size - self._left) // 8)
        return (1 << zeros) - 1 + self.read(zeros)

    def signed(self) -> int:
        """A signed Exp-Golomb code (`se(v)` of H.264 section 9.1.1)."""
        code = self.unsigned()
        return (code + 1) // 2 if code & 1 else -(code // 2)
