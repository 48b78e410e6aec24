"""Reconnection policy of a WebSocket that broke: attempts, delays and timeouts."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnect:
    """Exponential backoff with jitter.

    Args:
        attempts: Attempts before the channel is lost.
        first_delay: Seconds before the first attempt; the delay doubles with each one.
        longest_delay: Upper bound of the delay, in seconds.
        attempt_timeout: Seconds that one attempt may take.
    """

    attempts: int = 8
    first_delay: float = 0.1
    longest_delay: float = 5.0
    attempt_timeout: float = 5.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("attempts is at least 1; pass reconnect=None for none")
        if not 0 <= self.first_delay <= self.longest_delay:
            raise ValueError("first_delay is between 0 and longest_delay")
        if self.attempt_timeout <= 0:
            raise ValueError("attempt_timeout is more than 0")

    def delays(self, uniform: Callable[[], float] = random.random) -> Iterator[float]:
        """Yield the seconds to wait before each attempt.

        Args:
            uniform: Returns a number from 0 up to 1.
        """
        for attempt in range(self.attempts):
            # Jitter over half of the delay, so that the members whom one restart of the server
            # has disconnected do not all return at once.
            yield min(self.longest_delay, self.first_delay * 2**attempt) * (0.5 + uniform() / 2)
