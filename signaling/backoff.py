"""Reconnection policy of a WebSocket that broke: how long, and how often."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from peer.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnect:
    """Exponential backoff with jitter.

    Args:
        timeout: Seconds from the break after which the channel is lost; a little longer than a room
            server keeps the place (`Limits.session_lifetime`).
        first_delay: Seconds before the first attempt; the delay doubles with each one.
        longest_delay: Upper bound of the delay, in seconds.
        attempt_timeout: Seconds that one attempt may take.
    """

    timeout: float = 35.0
    first_delay: float = 0.1
    longest_delay: float = 5.0
    attempt_timeout: float = 5.0

    def __post_init__(self) -> None:
        if not self.timeout > 0:
            raise ValueError("timeout is more than 0; pass reconnect=None to try not once")
        if not 0 <= self.first_delay <= self.longest_delay:
            raise ValueError("first_delay is between 0 and longest_delay")
        if self.attempt_timeout <= 0:
            raise ValueError("attempt_timeout is more than 0")

    def delays(self, uniform: Callable[[], float] = random.random) -> Iterator[float]:
        """Yield the seconds to wait before each attempt, without an end.

        Args:
            uniform: Returns a number from 0 up to 1.
        """
        delay = self.first_delay
        while True:
            # Jitter over half of the delay, so that the members whom one restart of the server
            # has disconnected do not all return at once.
            yield delay * (0.5 + uniform() / 2)
            delay = min(self.longest_delay, 2 * delay)
