"""Computes when `rekey_after` asks for new keys, and asks then."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.times import MonotonicTime, Seconds

#: Longest wait between two checks whether a rekey is due, in seconds (ours).
CHECK_INTERVAL = 1.0
#: Shortest wait between two such checks, in seconds: where a rekey is due but not possible (ours).
LEAST_CHECK_INTERVAL = 0.05
#: Share of `rekey_after` that chance takes off at most, so that two ends rarely ask at once (ours).
JITTER = 0.1

_chance = random.SystemRandom().random


class RekeySchedule:
    """Counts seconds or packets since the keys last changed, against `rekey_after`. PURE.

    Args:
        after: Time, or packets sent and received.
        chance: Random number from 0 to 1: the part of the jitter that shortens this interval.
    """

    def __init__(self, after: timedelta | int, chance: float) -> None:
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

    def next_check(self, now: MonotonicTime) -> Seconds:
        """Return the seconds until `is_due` may change its answer."""
        match self._after:
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
            case timedelta():
                return now - self._changed_at >= self._after.total_seconds() * self._share
            case int():
                return packets - self._packets_at_change >= self._after * self._share
        assert_never(self._after)


class RekeyTimer:
    """Asks for a rekey each time that the keys have served for `rekey_after`.

    Args:
        after: As in `PeerConfiguration.rekey_after`.
        packets: Returns the packets sent and received so far.
        ask: Called when a rekey is due, and again at every check until `restart`.
    """

    def __init__(
        self,
        after: timedelta | int,
        *,
        packets: Callable[[], int],
        ask: Callable[[], None],
    ) -> None:
        self._schedule = RekeySchedule(after, _chance())
        self._packets = packets
        self._ask = ask
        self._enabled = True
        self._check_handle: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<RekeyTimer {'enabled' if self._enabled else 'stopped'}>"

    def start(self) -> None:
        """Start to count with the first keys; later calls, and calls after `stop`, do nothing."""
        if self._enabled and self._check_handle is None:
            self.restart()
            self._check_later()

    def restart(self) -> None:
        """Start a new interval: the keys have changed, or an attempt to change them has ended."""
        self._schedule.restart(time.monotonic(), self._packets(), chance=_chance())

    def stop(self) -> None:
        """Ask for no rekey any more; safe to call twice."""
        self._enabled = False
        if self._check_handle is not None:
            self._check_handle.cancel()

    def _check_later(self) -> None:
        delay = self._schedule.next_check(time.monotonic())
        self._check_handle = asyncio.get_running_loop().call_later(delay, self._check)

    def _check(self) -> None:
        if self._schedule.is_due(time.monotonic(), self._packets()):
            self._ask()
        if self._enabled:
            self._check_later()
