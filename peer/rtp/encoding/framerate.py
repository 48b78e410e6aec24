"""Owns which pictures of a track are encoded where fewer are wanted than it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

# Of an interval: pictures that come a little early count as in time.
EARLY = 0.25


class FramerateLimit:
    """Takes pictures as evenly as it can.

    Args:
        limit: In pictures a second; None for all.
    """

    def __init__(self, limit: float | None) -> None:
        self._interval = 0.0 if limit is None else 1 / limit
        self._next: float | None = None
        self._last: float | None = None

    def due(self, time: Fraction) -> bool:
        """Whether a picture of this time (seconds) may be taken."""
        if not self._interval or self._next is None or self._last is None:
            return True
        # Times that go back are those of another timeline.
        return float(time) < self._last or float(time) >= self._next - EARLY * self._interval

    def taken(self, time: Fraction) -> None:
        """A picture of this time was taken."""
        at = float(time)
        grid = at if self._next is None or self._last is None or at < self._last else self._next
        # The grid keeps the mean; after a pause it begins anew.
        self._next = (grid if at - grid < self._interval else at) + self._interval
        self._last = at
