"""One TCP connection that carries datagrams in frames (RFC 4571), on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from peer.transport.net.segmentation import MAX_DATAGRAM_SIZE
from peer.transport.net.udp import MAX_PER_TURN, SECONDS_PER_TURN
from peer.transport.wire.framing import Deframer, framed

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds

Address: TypeAlias = tuple[str, int]

#: Bytes read in one turn of the event loop (ours): some 50 packets of media.
READ_SIZE: Final = 1 << 16
#: Bytes that wait for a connection to be made (ours): the first checks, and no media.
MAX_UNSENT: Final = 1 << 12
#: Seconds for a connection to be made, and for a check to authenticate it (ours).
VALIDATION_TIMEOUT: Final[Seconds] = 10.0


class TcpStreamEvents(Protocol):
    """Receives the events of a TCP stream, each as a plain call on the event loop."""

    def on_frame(self, stream: TcpStream, data: bytes) -> None:
        """Take a received datagram; the stream may be closed in here."""

    def on_long_frame(self, stream: TcpStream) -> None:
        """Take note of a datagram that was passed over, as it was too long."""

    def on_stream_end(self, stream: TcpStream) -> None:
        """Take note of the end of a stream, by either side."""


class TcpStream:
    """A TCP connection that sends a datagram at once or not at all, as a UDP socket does.

    One that no check has authenticated in time is closed.

    Args:
        sock: A socket that is connected or that `connect_ex` was called on, owned by this stream.
        remote: Address of the peer.
        events: Told of each datagram.
        connecting: The connection is still to be made.

    Attributes:
        read_at: Time of the last wake-up that had data.
        is_validated: True once an ICE check has authenticated the peer.
    """

    def __init__(
        self, sock: socket.socket, remote: Address, events: TcpStreamEvents, *, connecting: bool
    ) -> None:
        self.remote = remote
        self.events = events
        self.read_at: MonotonicTime | None = None
        self.is_validated = False
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._connecting = connecting
        self._closed = False
        #: Bytes that wait for the connection, or the rest of a frame that was half taken.
        self._unsent = bytearray()
        self._deframer = Deframer(MAX_DATAGRAM_SIZE)
        self._reading = False
        # Media does not wait for the acknowledgement of what went before.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._deadline = self._loop.call_later(VALIDATION_TIMEOUT, self.close)
        if connecting:
            self._loop.add_writer(sock, self._on_writable)
        else:
            self._read_on()

    def __repr__(self) -> str:
        host, port = self.remote
        state = "closed" if self._closed else "connecting" if self._connecting else "open"
        return f"<TcpStream {host} port {port} {state}>"

    def validate(self) -> None:
        """Keep the stream, as an ICE check has authenticated it."""
        self.is_validated = True
        self._deadline.cancel()

    def send(self, datagram: bytes) -> bool:
        """Send a datagram at once; return False if it is not taken."""
        if self._closed:
            return False
        frame = framed(datagram)
        if self._connecting:
            if len(self._unsent) + len(frame) > MAX_UNSENT:
                return False
            self._unsent += frame
            return True
        if self._unsent:
            # What waited here would only come later than what is sent instead of it.
            return False
        try:
            sent = self._socket.send(frame)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            self.close()
            return False
        if sent < len(frame):
            # A frame that has begun has to end.
            self._unsent += frame[sent:]
            self._loop.add_writer(self._socket, self._on_writable)
        return True

    def receive(self) -> None:
        """Read what has arrived, and hand over some of it; the rest in the next turns."""
        if self._closed:
            return
        try:
            data = self._socket.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        if not data:
            self.close()
            return
        self.read_at = self._loop.time()
        self._deframer.feed(data)
        self._hand_over()

    def close(self) -> None:
        """Close the connection at once; `on_stream_end` is called once."""
        if self._closed:
            return
        self._closed = True
        self._deadline.cancel()
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        self.events.on_stream_end(self)

    def _hand_over(self) -> None:
        deframer = self._deframer
        end = self._loop.time() + SECONDS_PER_TURN
        for _ in range(MAX_PER_TURN):
            if self._closed:
                return
            passed_over = deframer.oversized
            datagram = deframer.next()
            for _ in range(deframer.oversized - passed_over):
                self.events.on_long_frame(self)
            if datagram is None:
                self._read_on()
                return
            # RFC 4571 section 2: an empty frame keeps the connection alive.
            if datagram:
                self.events.on_frame(self, datagram)
            if self._loop.time() >= end:
                break
        # Other connections have their turn, and TCP holds the peer back meanwhile.
        if not self._closed:
            self._reading = False
            self._loop.remove_reader(self._socket)
            self._loop.call_soon(self._hand_over)

    def _read_on(self) -> None:
        if not self._reading:
            self._reading = True
            self._loop.add_reader(self._socket, self.receive)

    def _on_writable(self) -> None:
        if self._connecting:
            if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.close()
                return
            self._connecting = False
            self._read_on()
        try:
            sent = self._socket.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._socket)


def remote_of(name: tuple[Any, ...]) -> Address:
    """Return host and port of an address, without the flow and scope of IPv6."""
    return name[0], name[1]
