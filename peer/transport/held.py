"""Owns what waits until the peer is verified: a queue with bounds that drops its oldest."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.transport.demux import DatagramClass


@dataclass(frozen=True, slots=True)
class Arrival:
    """One packet that waits.

    Args:
        kind: RTP, RTCP, or DTLS for an application datagram.
        payload: Its bytes.
        arrival_ms: When it came, in milliseconds of a monotonic clock.
    """

    kind: DatagramClass
    payload: bytes
    arrival_ms: int


class Held:
    """Arrivals in order, at most `packets` of them and `size` bytes."""

    def __init__(self, packets: int = 64, size: int = 64 * 1024) -> None:
        self._packets = packets
        self._size = size
        self._used = 0
        self._queue: deque[Arrival] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def push(self, arrival: Arrival) -> int:
        """Append one; return how many of the oldest had to go."""
        self._queue.append(arrival)
        self._used += len(arrival.payload)
        dropped = 0
        while len(self._queue) > self._packets or self._used > self._size:
            self.pop()
            dropped += 1
        return dropped

    def pop(self) -> Arrival:
        """Take the oldest."""
        arrival = self._queue.popleft()
        self._used -= len(arrival.payload)
        return arrival

    def clear(self) -> None:
        """Forget all."""
        self._queue.clear()
        self._used = 0
