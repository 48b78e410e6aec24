"""Token bucket that limits how fast the messages of one member are read. PURE."""

from __future__ import annotations


class TokenBucket:
    """Admits `burst` tokens at once and `rate` tokens a second after that.

    Args:
        rate: Tokens a second.
        burst: The most tokens it holds, and how many it starts with.
        now: Current time in seconds, of the same clock as the argument of `take`.
    """

    def __init__(self, *, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._filled = now

    def take(self, now: float) -> float:
        """Take one token, and return the seconds to wait until it is there."""
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)
