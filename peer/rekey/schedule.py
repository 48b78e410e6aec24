"""Computes when a connection asks for new keys by itself, as `rekey_after` says. PURE."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds

#: Longest wait between two checks whether a rekey is due, in seconds (ours).
CHECK_INTERVAL = 1.0
#: Shortest wait between two such checks, in seconds: where a rekey is due but not possible (ours).
LEAST_CHECK_INTERVAL = 0.05
#: Share of `rekey_after` that chance takes off at most, so that two ends rarely ask at once (ours).
JITTER = 0.1


class RekeySchedule:
    """Counts seconds or packets since the keys last changed, against `rekey_after`.

    Args:
        after: Time, or packets sent and received; None never asks.
        chance: Random number from 0 to 1: the part of the jitter that shortens this interval.

    """

    def __init__(self, after: timedelta | int | None, chance: float) -> None:
        self._after = after
        self._changed_at: MonotonicTime = 0.0
        self._packets_at_change = 0
        self._share = 1.0
        self.restart(0.0, 0, chance=chance)

    def restart(self, now: MonotonicTime, packets: int, *, chance: float) -> None:
        """Start a new interval: the keys have just changed.

        Args:
            now: The present time.
            packets: Packets sent and received so far.
            chance: As in the constructor, drawn anew.
        """
        self._changed_at = now
        self._packets_at_change = packets
        self._share = 1.0 - JITTER * chance

    def next_check(self, now: MonotonicTime) -> Seconds | None:
        """Return the seconds until `is_due` may change its answer; None where it never does."""
        match self._after:
            case None:
                return None
            case timedelta():
                left = self._changed_at + self._after.total_seconds() * self._share - now
                return min(max(left, LEAST_CHECK_INTERVAL), CHECK_INTERVAL)
            case int():
                return CHECK_INTERVAL
        assert_never(self._after)

    def is_due(self, now: MonotonicTime, packets: int) -> bool:
        """Tell whether the present keys have served for `rekey_after`.

        Args:
            now: The present time.
            packets: Packets sent and received so far.
        """
        match self._after:
            case None:
                return False
            case timedelta():
                return now - self._changed_at >= self._after.total_seconds() * self._share
            case int():
                return packets - self._packets_at_change >= self._after * self._share
        assert_never(self._after)
