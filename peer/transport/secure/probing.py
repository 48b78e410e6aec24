"""Owns when something small is said, so that the peer sees our new keys."""

from __future__ import annotations

from collections.abc import Callable

from peer.transport.dtls.timer import Timer
from peer.transport.secure.rekey import PROBES


class Probing:
    """A bounded number of repetitions, after the switch.

    Args:
        say: Says it.
    """

    def __init__(self, say: Callable[[], None]) -> None:
        self._say = say
        self._clock = Timer(self._next)
        self._at = 0

    def begin(self) -> None:
        """Say it now, and then again."""
        self._at = 0
        self._next()

    def stop(self) -> None:
        """It was heard, or is of no use any more."""
        self._clock.cancel()

    def _next(self) -> None:
        now = PROBES[self._at]
        self._at += 1
        if self._at < len(PROBES):
            self._clock.start(PROBES[self._at] - now)
        self._say()
