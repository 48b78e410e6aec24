"""Owns `PcapngSink`, the trace sink that writes a file which Wireshark opens."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Self

from peer.tracing import pcapng
from peer.tracing.events import Datagram, Direction

if TYPE_CHECKING:
    from types import TracebackType

    from peer.tracing.events import TraceEvent

_logger = logging.getLogger(__name__)

# RFC 5737: for a datagram whose addresses are not known, or not of one family.
_HERE = pcapng.Endpoint.parse("192.0.2.1:9")
_THERE = pcapng.Endpoint.parse("192.0.2.2:9")


class PcapngSink:
    """Writes every datagram of the connections that it is the `trace` of, and no other event.

    Where the connection logs its keys (`PeerConfiguration.key_log`), they are written too, and
    Wireshark shows what DTLS carries. The file can be read by its owner only.

    Args:
        path: A file there is overwritten.
        limit: In bytes; what would exceed it is left out, which is said in the log.

    Attributes:
        wants_data: It does.

    Raises:
        OSError: The file cannot be written.
    """

    wants_data = True

    def __init__(self, path: str | os.PathLike[str], *, limit: int = 1 << 30) -> None:
        self._path = os.fspath(path)
        self._room = limit
        self._pending = b""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        # Unbuffered: what was captured is there, whatever becomes of the program.
        self._file = open(os.open(self._path, flags, 0o600), "wb", buffering=0)  # noqa: SIM115 - closed by close
        self._write(pcapng.header("handfast"))

    def __call__(self, event: TraceEvent) -> None:
        """Take an event."""
        if isinstance(event, Datagram) and event.data:
            self._flush()
            self._pending = _packet(event)

    def on_secret(self, line: bytes) -> None:
        """Take a line of the key log."""
        # Before the datagram told last, from which the keys came: who reads the file once, from
        # its beginning, can decrypt the Finished in it.
        self._write(pcapng.secrets(line + b"\n"))

    def close(self) -> None:
        """End the file; any number of times."""
        if not self._file.closed:
            self._flush()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _flush(self) -> None:
        pending, self._pending = self._pending, b""
        self._write(pending)

    def _write(self, block: bytes) -> None:
        if self._file.closed or self._room <= 0:
            return
        if len(block) > self._room:
            self._room = 0
            _logger.warning("%s has reached its limit; the capture ends", self._path)
            return
        self._room -= len(block)
        self._file.write(block)


def _packet(event: Datagram) -> bytes:
    try:
        here, there = map(pcapng.Endpoint.parse, (event.local, event.remote))
        data = _between(event, here, there)
    except ValueError:
        data = _between(event, _HERE, _THERE)
    flow = pcapng.Flow.INBOUND if event.direction is Direction.IN else pcapng.Flow.OUTBOUND
    return pcapng.packet(round(event.time * 1e9), data, flow)


def _between(event: Datagram, here: pcapng.Endpoint, there: pcapng.Endpoint) -> bytes:
    source, target = (there, here) if event.direction is Direction.IN else (here, there)
    return pcapng.udp_packet(source, target, event.data)
