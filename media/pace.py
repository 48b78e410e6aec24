"""Owns `Pace`: frame n passes at its own time after frame 0."""

from __future__ import annotations

import asyncio


class Pace:
    """Counts frames at an even rate, without drift, by the running loop's clock.

    Args:
        interval: Seconds from each frame to the next.
        patience: Seconds. Whoever comes later than this gets no row of frames at once: the numbers
            that nobody fetched are left out. None to give every one of them.
    """

    def __init__(self, interval: float, *, patience: float | None = None) -> None:
        self._interval = interval
        self._patience = patience
        self._start: float | None = None
        self.number = -1

    async def next(self) -> int:
        """The number of the next frame, when its time has come."""
        now = asyncio.get_running_loop().time()
        if self._start is None:
            self._start = now
        number = self.number + 1
        late = now - self._start - number * self._interval
        if self._patience is not None and late > self._patience:
            number += int(late / self._interval)
        self.number = number
        await asyncio.sleep(max(0.0, self._start + number * self._interval - now))
        return number
