"""A clock that stands still until a test advances it."""

from __future__ import annotations

from peer.times import UnixTime


class Clock:
    """Manual clock, called for the time in seconds."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> UnixTime:
        return UnixTime(self.now)

    def advance(self, seconds: float) -> None:
        self.now += seconds
