"""Owns the events of one end while its session goes on: a sink that remembers within bounds."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from typing import TYPE_CHECKING, Final

from handfast.trace.pairing import STUN
from peer.tracing.events import Datagram

if TYPE_CHECKING:
    from peer.tracing.events import TraceEvent

#: Events. How a session began is kept, and how it goes on at the moment.
_FIRST: Final = 1_000
_LATEST: Final = 500
#: Checks come all the time, and would soon be all that is remembered.
_LATEST_CHECKS: Final = 300

_Numbered = tuple[int, "TraceEvent"]


class TraceBuffer:
    """A trace sink.

    Attributes:
        changed: Set with each event; whoever waits for it clears it.
    """

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._numbers = itertools.count()
        self._first: list[_Numbered] = []
        self._latest: deque[_Numbered] = deque(maxlen=_LATEST)
        self._checks: deque[_Numbered] = deque(maxlen=_LATEST_CHECKS)

    def __call__(self, event: TraceEvent) -> None:
        """Remember an event."""
        numbered = (next(self._numbers), event)
        if isinstance(event, Datagram) and event.kind in STUN:
            self._checks.append(numbered)
        elif len(self._first) < _FIRST:
            self._first.append(numbered)
        else:
            self._latest.append(numbered)
        self.changed.set()

    @property
    def events(self) -> list[TraceEvent]:
        """What is remembered, in order."""
        return [event for _, event in heapq.merge(self._first, self._latest, self._checks)]
