"""Writes the datagrams of a trace to a pcapng file for Wireshark. The event loop writes."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Self

from peer.owner_only import create_owner_only
from peer.tracing import pcapng
from peer.tracing.events import Datagram, Direction

if TYPE_CHECKING:
    from types import TracebackType

    from peer.tracing.events import TraceEvent

_logger = logging.getLogger(__name__)

# Documentation addresses (RFC 5737), for a datagram whose own are unknown or not of one family.
_HERE = pcapng.Endpoint.parse("192.0.2.1:9")
_THERE = pcapng.Endpoint.parse("192.0.2.2:9")


class PcapngSink:
    """A trace sink that writes every datagram to a pcapng file, and no other event.

    Where the connection logs its keys (`PeerConfiguration.key_log`), the file gets them too, and
    Wireshark decrypts DTLS. Only the owner of the file can read it.

    Args:
        path: The file, which is overwritten.
        limit: The greatest size of the file in bytes; the capture ends there, with a warning.

    Attributes:
        wants_data: True: the sink gets every datagram with its bytes.

    Raises:
        OSError: The file cannot be written.
    """

    wants_data = True

    def __init__(self, path: str | os.PathLike[str], *, limit: int = 1 << 30) -> None:
        self._path = os.fspath(path)
        self._room = limit
        self._pending = b""
        # Unbuffered, so that a capture survives the program.
        self._file = create_owner_only(self._path, buffering=0)
        self._write(pcapng.header("handfast"))

    def __repr__(self) -> str:
        state = "closed" if self._file.closed else f"{self._room} bytes left"
        return f"<PcapngSink {self._path!r} {state}>"

    def __call__(self, event: TraceEvent) -> None:
        """Write the datagram of an event, if it has one."""
        if isinstance(event, Datagram) and event.data:
            self._flush()
            self._pending = _packet(event)

    def on_secret(self, line: bytes) -> None:
        """Write a line of the NSS key log."""
        # Before the last datagram, which the keys came from: a program that reads the file once,
        # from its beginning, can decrypt the Finished message in it.
        self._write(pcapng.secrets(line + b"\n"))

    def close(self) -> None:
        """Finish and close the file; safe to call twice."""
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
