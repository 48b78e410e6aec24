"""Owns the order in which frames of several tracks are written."""

from __future__ import annotations

import heapq
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from media.recording.timeline import PlacedFrame

#: Seconds by which the tracks of a call usually are apart when they arrive.
WINDOW = Fraction(1, 5)


class Interleaver:
    """Gives frames by their time, as far as they come within a window of each other.

    Args:
        window: In seconds; what comes later than that is given as it comes.
    """

    def __init__(self, window: Fraction = WINDOW) -> None:
        self._window = window
        self._heap: list[tuple[Fraction, int, PlacedFrame]] = []
        self._count = 0
        self._latest = Fraction(0)

    def push(self, placed: PlacedFrame) -> None:
        """Add a frame."""
        self._count += 1
        self._latest = max(self._latest, placed.time)
        heapq.heappush(self._heap, (placed.time, self._count, placed))

    def pop(self) -> Iterator[PlacedFrame]:
        """What no other frame is likely to come before."""
        while self._heap and self._heap[0][0] <= self._latest - self._window:
            yield heapq.heappop(self._heap)[2]

    def finish(self) -> Iterator[PlacedFrame]:
        """All that is left."""
        while self._heap:
            yield heapq.heappop(self._heap)[2]
