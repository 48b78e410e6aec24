"""Passes the trace events of a connection to its sinks and the log, and survives their errors."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from peer.times import UnixTime
from peer.tracing.events import wants_data
from peer.tracing.log import LOGGERS, LogSink

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.tracing.events import TraceEvent, TraceSink

_logger = logging.getLogger(__name__)
_PEER = logging.getLogger("peer")
_CHILDREN = (*LOGGERS, logging.getLogger("peer.transport"))


def steady_clock() -> Callable[[], UnixTime]:
    """Return a clock in seconds since 1970 that does not follow when the system's is set."""
    offset = time.time() - time.monotonic()
    return lambda: UnixTime(offset + time.monotonic())


def is_logged(level: int) -> bool:
    """Tell whether any logger of `peer` takes records of a level, so that they are worth making."""
    if _PEER.isEnabledFor(level):
        return True
    # A logger that has no level of its own takes what its parent takes. This is asked at each
    # change of a state, so no more is called than has to be.
    for logger in _CHILDREN:  # noqa: SIM110 - `any` would call a generator each time
        if logger.level and logger.isEnabledFor(level):
            return True
    return False


class Tracer:
    """Takes the trace events of one connection and hands them to its sinks.

    Args:
        connection: Name of the connection in the log, as `pc-3`.
        sinks: The application's and those of the environment. One that raises is logged once and
            called no more; the others and the connection go on.
        clock: Seconds since 1970, for the times of events.

    Attributes:
        wants_data: Whether a sink wants every datagram, with its bytes.
    """

    def __init__(
        self,
        connection: str,
        *sinks: TraceSink,
        clock: Callable[[], UnixTime] | None = None,
    ) -> None:
        self.wants_data = any(wants_data(sink) for sink in sinks)
        self.now = clock or steady_clock()
        self._connection = connection
        self._sinks = sinks
        self._log = LogSink(connection)

    def __repr__(self) -> str:
        return f"<Tracer {self._connection} sinks={len(self._sinks)}>"

    @property
    def active(self) -> bool:
        """Tell whether a sink or a logger takes events; otherwise no event has to be made."""
        return bool(self._sinks) or is_logged(logging.INFO)

    @property
    def wants_datagrams(self) -> bool:
        """Tell whether a sink or a logger takes events of datagrams."""
        return bool(self._sinks) or is_logged(logging.DEBUG)

    def __call__(self, *events: TraceEvent) -> None:
        """Hand events to the log and to every sink, in order."""
        for event in events:
            self._log(event)
            for sink in self._sinks:
                try:
                    sink(event)
                except Exception:
                    self._sinks = tuple(other for other in self._sinks if other is not sink)
                    _logger.exception(
                        "[%s] the trace sink raised and is called no more", self._connection
                    )
