"""Bounded buffer of the trace of a running session."""

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

#: Events that are kept from the beginning, and the latest ones (ours).
_FIRST: Final = 1_000
_LATEST: Final = 500
#: ICE checks that are kept (ours), apart, as they would soon displace all other events.
_LATEST_CHECKS: Final = 300

_Numbered = tuple[int, "TraceEvent"]


class TraceBuffer:
    """Trace sink that keeps the first and the latest events.

    Attributes:
        changed: Set by each event; the waiting task clears it.
    """

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._numbers = itertools.count()
        self._first: list[_Numbered] = []
        self._latest: deque[_Numbered] = deque(maxlen=_LATEST)
        self._checks: deque[_Numbered] = deque(maxlen=_LATEST_CHECKS)

    def __call__(self, event: TraceEvent) -> None:
        """Store an event of the trace."""
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
        """The stored events in order."""
        return [event for _, event in heapq.merge(self._first, self._latest, self._checks)]
