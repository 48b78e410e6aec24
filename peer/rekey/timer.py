"""Runs the rekey schedule of one connection on the event loop."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from peer.rekey.schedule import RekeySchedule

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

_chance = random.SystemRandom().random


class RekeyTimer:
    """Asks for a rekey each time that the keys have served for `rekey_after`.

    Args:
        after: As in `PeerConfiguration.rekey_after`; None never asks.
        packets: Returns the packets sent and received so far.
        ask: Called when a rekey is due, and again at every check until `restart`.
    """

    def __init__(
        self,
        after: timedelta | int | None,
        *,
        packets: Callable[[], int],
        ask: Callable[[], None],
    ) -> None:
        self._schedule = RekeySchedule(after, _chance())
        self._packets = packets
        self._ask = ask
        self._enabled = after is not None
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
        if delay is not None:
            self._check_handle = asyncio.get_running_loop().call_later(delay, self._check)

    def _check(self) -> None:
        if self._schedule.is_due(time.monotonic(), self._packets()):
            self._ask()
        if self._enabled:
            self._check_later()
