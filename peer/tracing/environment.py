"""Traces that the environment asks for: `HANDFAST_TRACE=DIR`, as SSLKEYLOGFILE asks for keys."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from peer.tracing.events import Datagram
from peer.tracing.file import TraceWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peer.tracing.events import TraceEvent

_logger = logging.getLogger(__name__)

#: Name of the environment variable; its value is a folder, which is made where it does not exist.
VARIABLE = "HANDFAST_TRACE"
#: Most traces that one process writes, so that a long-lived server does not fill its disk (ours).
MOST_FILES = 1000

_written = 0


class EnvironmentTrace:
    """A trace file of one connection in the folder that `HANDFAST_TRACE` names.

    Everything but datagrams is on the disk at once, so that a process that dies leaves its trace.
    `handfast trace DIR` reads what is there.

    Args:
        writer: The open file.
    """

    def __init__(self, writer: TraceWriter) -> None:
        self._writer = writer

    def __repr__(self) -> str:
        return f"<EnvironmentTrace {self._writer!r}>"

    def __call__(self, event: TraceEvent) -> None:
        """Write one event, to the disk at once unless it is a datagram."""
        self._writer(event)
        if not isinstance(event, Datagram):
            self._writer.flush()

    def close(self) -> None:
        """Close the file, when the connection has ended."""
        self._writer.close()


def environment_trace(
    connection: str, environment: Mapping[str, str] = os.environ
) -> EnvironmentTrace | None:
    """Open the trace file that the environment asks for, or return None.

    A folder that cannot be written is a warning in the log and no error of the connection.

    Args:
        connection: Name of the connection, for the name of the file.
        environment: The variables to look at.
    """
    global _written
    folder = environment.get(VARIABLE)
    if not folder or _written > MOST_FILES:
        return None
    if _written == MOST_FILES:
        _logger.warning("%d traces are written to %s: no more follow", MOST_FILES, folder)
        _written += 1
        return None
    started = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    path = Path(folder) / f"{started}-{os.getpid()}-{connection.replace('/', '-')}.trace"
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        writer = TraceWriter(path)
    except OSError as error:
        _logger.warning("no trace can be written to %s: %s", path, error.strerror)
        return None
    _written += 1
    return EnvironmentTrace(writer)
