"""Passes trace events to the sink of the application, and survives a sink that raises."""

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
    """Return a clock of Unix time that does not jump when the system clock is set."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


class Tracer:
    """Calls the trace sink of one connection; a connection that is not traced has no tracer.

    Args:
        sink: The sink of the application. When it raises, the error is logged once and the sink
            is not called any more.
        clock: The clock for the times of events.

    Attributes:
        wants_data: Whether the sink wants every datagram, with its bytes.
    """

    def __init__(self, sink: TraceSink, clock: Callable[[], float] | None = None) -> None:
        self.wants_data = wants_data(sink)
        self.now = clock or steady_clock()
        self._sink: TraceSink | None = sink

    def __repr__(self) -> str:
        return f"<Tracer {'failed' if self._sink is None else self._sink!r}>"

    def __call__(self, *events: TraceEvent) -> None:
        """Pass events to the sink, in order."""
        for event in events:
            if self._sink is None:
                return
            try:
                self._sink(event)
            except Exception:
                self._sink = None
                _logger.exception("the trace sink raised and is called no more")
