"""Token buckets that limit how fast the messages of one member are read. PURE."""

from __future__ import annotations


class TokenBucket:
    """Admits `burst` tokens at once and `rate` tokens a second after that.

    What is dearer than all that it holds is taken as well, and paid for by the wait.

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

    def take(self, now: float, *, tokens: float = 1.0) -> float:
        """Take tokens, and return the seconds to wait until they are there."""
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        self._tokens -= tokens
        return max(0.0, -self._tokens / self._rate)
