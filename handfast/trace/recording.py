"""Owns the events of one end while its session goes on: a sink that remembers within bounds."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from peer.trace import TraceEvent

#: Events. How a session began is kept, and how it goes on at the moment.
_FIRST: Final = 1_000
_LATEST: Final = 500


class Recording:
    """A trace sink.

    Attributes:
        changed: Set with each event; whoever waits for it clears it.
    """

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._first: list[TraceEvent] = []
        self._latest: deque[TraceEvent] = deque(maxlen=_LATEST)

    def __call__(self, event: TraceEvent) -> None:
        """Remember an event."""
        if len(self._first) < _FIRST:
            self._first.append(event)
        else:
            self._latest.append(event)
        self.changed.set()

    @property
    def events(self) -> list[TraceEvent]:
        """What is remembered, in order."""
        return [*self._first, *self._latest]
