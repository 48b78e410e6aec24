"""Owns the rate at which one member's messages are read."""

from __future__ import annotations


class TokenBucket:
    """Lets `burst` through at once and `rate` a second after that.

    Args:
        rate: Tokens a second.
        burst: The most tokens it holds, and how many it starts with.
        now: The time in seconds, of the clock that `take` is given as well.
    """

    def __init__(self, *, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._filled = now

    def take(self, now: float) -> float:
        """Use one token; returns how many seconds to wait for it."""
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)
