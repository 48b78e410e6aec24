"""Pacing of frames at an even rate, without drift, by the event loop's clock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds


class Pace:
    """Paces frames so that frame n is due n intervals after frame 0.

    Args:
        interval: Seconds between two frames.
        skip_after: Seconds behind schedule beyond which the missed frames are skipped, instead of
            coming in a burst; None to skip none.

    Attributes:
        number: Number of the latest frame; -1 before the first.
    """

    def __init__(self, interval: Seconds, *, skip_after: Seconds | None = None) -> None:
        self._interval = interval
        self._skip_after = skip_after
        self._start: MonotonicTime | None = None
        self.number = -1

    async def next(self) -> int:
        """Wait until the next frame is due, and return its number."""
        now = asyncio.get_running_loop().time()
        if self._start is None:
            self._start = now
        number = self.number + 1
        late = now - self._start - number * self._interval
        if self._skip_after is not None and late > self._skip_after:
            number += int(late / self._interval)
        self.number = number
        await asyncio.sleep(max(0.0, self._start + number * self._interval - now))
        return number
