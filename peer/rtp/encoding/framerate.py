"""Limits the frame rate of a track before its frames are encoded. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

#: Part of an interval by which a frame may come early (ours).
EARLY = 0.25


class FramerateLimiter:
    """Picks video frames as evenly as the track allows.

    Args:
        limit: Highest frame rate in Hz; None for no limit.
    """

    def __init__(self, limit: float | None) -> None:
        self._interval = 0.0 if limit is None else 1 / limit
        self._next: float | None = None
        self._last: float | None = None

    def is_due(self, time: Fraction) -> bool:
        """Return True where a frame of this time, in seconds, may be encoded."""
        if not self._interval or self._next is None or self._last is None:
            return True
        # Times that go back are those of another timeline.
        return float(time) < self._last or float(time) >= self._next - EARLY * self._interval

    def on_encoded(self, time: Fraction) -> None:
        """Note that a frame of this time, in seconds, is encoded."""
        at = float(time)
        grid = at if self._next is None or self._last is None or at < self._last else self._next
        # The grid keeps the mean; after a pause it begins anew.
        self._next = (grid if at - grid < self._interval else at) + self._interval
        self._last = at
