"""Token buckets that limit how fast the messages of one member are read. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signaling.server.limits import Limits


class TokenBucket:
    """Admits `burst` tokens at once and `rate` tokens a second after that.

    What is dearer than all that it holds is taken as well, and paid for by the wait.

    Args:
        rate: Tokens a second.
        burst: The most tokens it holds, and how many it starts with.
        now: Current time in seconds, of the same clock as the argument of `take`.
    """

    __slots__ = ("_burst", "_filled", "_rate", "_tokens")

    def __init__(self, *, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._filled = now

    def take(self, now: float, *, tokens: float = 1.0) -> float:
        """Take tokens, and return the seconds to wait until they are there."""
        held = min(self._burst, self._tokens + (now - self._filled) * self._rate) - tokens
        self._filled = now
        self._tokens = held
        return 0.0 if held >= 0 else -held / self._rate


class ReadingPace:
    """The waits that let one member send no faster than the limits say.

    Args:
        limits: Bounds of the server.
        now: Current time in seconds, of the same clock as the argument of `wait_after`.
    """

    __slots__ = ("_charged", "_longest", "_messages", "_octets", "_slowed_since", "_slowed_timeout")

    def __init__(self, limits: Limits, *, now: float) -> None:
        self._longest = limits.ping_interval
        self._messages = TokenBucket(rate=limits.messages_per_second, burst=limits.burst, now=now)
        self._octets = TokenBucket(
            rate=limits.octets_per_second, burst=limits.octets_burst, now=now
        )
        self._charged = 0
        self._slowed_timeout = limits.slowed_timeout
        #: Time from which on each message had to be waited for; None after one that had not.
        self._slowed_since: float | None = None

    def charge(self, octets: int) -> None:
        """Count what the last message costs its receivers."""
        self._charged += octets

    def wait_after(self, octets: int, *, now: float) -> float:
        """Return the seconds for which nothing is to be read after a message of so many octets."""
        cost, self._charged = octets + self._charged, 0
        wait = max(self._messages.take(now), self._octets.take(now, tokens=cost))
        if wait == 0:
            self._slowed_since = None
            return 0.0
        if self._slowed_since is None:
            self._slowed_since = now
        return min(wait, self._longest)

    def too_fast(self, *, now: float) -> bool:
        """Tell whether the member was slowed without a pause for as long as it may be."""
        since = self._slowed_since
        return since is not None and now - since >= self._slowed_timeout
