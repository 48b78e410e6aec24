"""Owns when a connection asks for new keys by itself (`PeerConfiguration.rekey_after`). PURE."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_never

#: Seconds between two looks: at most, and where the time has come but the moment does not suit.
LOOK_INTERVAL = 1.0
LEAST_INTERVAL = 0.05
#: The share of the interval that chance may take off, so that two ends rarely ask at once.
JITTER = 0.1


class RekeySchedule:
    """Counts time or packets since the keys were last changed.

    Args:
        after: Time, or packets sent and received; None never asks.
        chance: From 0 to 1, drawn anew for each interval; how much of the jitter is taken off.
    """

    def __init__(self, after: timedelta | int | None, chance: float) -> None:
        self._after = after
        self._since = 0.0
        self._packets = 0
        self._share = 1.0
        self.restart(0.0, 0, chance)

    def restart(self, now: float, packets: int, chance: float) -> None:
        """The keys are new.

        Args:
            now: Seconds, of a monotonic clock.
            packets: Sent and received so far.
            chance: As above.
        """
        self._since = now
        self._packets = packets
        self._share = 1.0 - JITTER * chance

    def next_look(self, now: float) -> float | None:
        """Seconds until `is_due` may have another answer; None where it never will."""
        match self._after:
            case None:
                return None
            case timedelta():
                left = self._since + self._after.total_seconds() * self._share - now
                return min(max(left, LEAST_INTERVAL), LOOK_INTERVAL)
            case int():
                return LOOK_INTERVAL
        assert_never(self._after)

    def is_due(self, now: float, packets: int) -> bool:
        """Whether it is time to ask."""
        match self._after:
            case None:
                return False
            case timedelta():
                return now - self._since >= self._after.total_seconds() * self._share
            case int():
                return packets - self._packets >= self._after * self._share
        assert_never(self._after)
