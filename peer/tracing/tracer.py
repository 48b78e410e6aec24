"""Owns the way of an event to the sink: its time, and that a broken sink hurts nobody."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from peer.tracing.events import wants_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.tracing.events import TraceEvent, TraceSink

_logger = logging.getLogger(__name__)


def steady_clock() -> Callable[[], float]:
    """A clock in seconds since 1970 that does not follow when somebody sets the system's."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


class Tracer:
    """Takes the events of one connection. Where nobody traces there is none.

    Args:
        sink: The application's. When it raises, that is logged once and it is called no more.
        clock: For the events' times.

    Attributes:
        wants_data: Whether the sink wants every datagram, with its bytes.
    """

    def __init__(self, sink: TraceSink, clock: Callable[[], float] | None = None) -> None:
        self.wants_data = wants_data(sink)
        self.now = clock or steady_clock()
        self._sink: TraceSink | None = sink

    def __call__(self, *events: TraceEvent) -> None:
        """Hand events to the sink."""
        for event in events:
            if self._sink is None:
                return
            try:
                self._sink(event)
            except Exception:
                self._sink = None
                _logger.exception("the trace sink raised and is called no more")
