"""Frames of RFC 4571: over TCP, a datagram has its length in front. PURE."""

from __future__ import annotations

from typing import Final

#: Bytes of the length in front of a datagram (RFC 4571 section 2).
_LENGTH_SIZE: Final = 2


def framed(datagram: bytes) -> bytes:
    """Return a datagram with its length in front (RFC 4571 section 2)."""
    return len(datagram).to_bytes(_LENGTH_SIZE) + datagram


class Deframer:
    """Cuts a stream of bytes into datagrams.

    Args:
        limit: Size in bytes, exclusive, of a datagram; longer ones are passed over, and not kept.

    Attributes:
        oversized: Datagrams passed over.
    """

    def __init__(self, limit: int) -> None:
        self.oversized = 0
        self._limit = limit
        self._buffer = bytearray()
        #: Bytes to come of a frame that is passed over.
        self._unwanted = 0

    def __repr__(self) -> str:
        return f"<Deframer {len(self._buffer)} bytes wait, {self.oversized} oversized>"

    def feed(self, data: bytes) -> None:
        """Take bytes of the stream; `next` is to be called until it returns None."""
        self._buffer += data

    def next(self) -> bytes | None:
        """Return the next datagram, which may be empty; None where it is not whole yet."""
        buffer = self._buffer
        while True:
            if self._unwanted:
                passed = min(self._unwanted, len(buffer))
                del buffer[:passed]
                self._unwanted -= passed
            if len(buffer) < _LENGTH_SIZE:
                return None
            size = int.from_bytes(buffer[:_LENGTH_SIZE])
            if size >= self._limit:
                del buffer[:_LENGTH_SIZE]
                self.oversized += 1
                self._unwanted = size
                continue
            end = _LENGTH_SIZE + size
            if len(buffer) < end:
                return None
            datagram = bytes(buffer[_LENGTH_SIZE:end])
            del buffer[:end]
            return datagram
