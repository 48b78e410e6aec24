"""UDP socket on the event loop: read until it is empty on each wake-up, with room for bursts.

asyncio's own transport reads one datagram a turn of the loop, and uvloop's does not say what
became of what was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, Protocol

from peer.transport.net.segmentation import (
    MAX_DATAGRAM_SIZE,
    SegmentationOffload,
    end_of_run,
)

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds

#: SO_RCVBUF in bytes: a second at 20 Mbit/s, 2,273 datagrams of 1,100 bytes (ours). The kernel
#: doubles it and accounts 2.3 to 4.4 KiB for each.
RECEIVE_BUFFER: Final = 6_000_000
#: SO_SNDBUF in bytes: one key frame at 8 Mbit/s fits (ours).
SEND_BUFFER: Final = 1 << 20
#: Datagrams read in one turn of the event loop before other callbacks run: about a millisecond of
#: RTP, so that a burst on one connection holds no other up (ours).
MAX_PER_TURN: Final = 64
#: Seconds after which the rest of these waits for the next turn as well (ours): what a peer chooses
#: to send may cost more than media does.
SECONDS_PER_TURN: Final[Seconds] = 0.005

# <asm-generic/socket.h>: exceeds net.core.rmem_max, where the process has CAP_NET_ADMIN.
_SO_RCVBUFFORCE = 33


class UdpEvents(Protocol):
    """Receives the events of a UDP socket, each as a plain call on the event loop."""

    def on_udp(self, data: bytes, source: tuple[Any, ...]) -> None:
        """Take a received datagram; the transport may be closed in here."""

    def on_oversized(self) -> None:
        """Count a datagram that was dropped, as it was `MAX_DATAGRAM_SIZE` long or longer."""

    def error_received(self, error: OSError) -> None:
        """Take an error of the kernel, which need not be about the latest datagram."""

    def connection_lost(self, error: Exception | None) -> None:
        """Take note that the socket is closed."""


class PromptTransport(asyncio.DatagramTransport):
    """Datagram transport that sends at once or not at all, so that its caller may decide.

    Attributes:
        read_at: Time of the last wake-up that had a datagram for us; None before one.
    """

    read_at: MonotonicTime | None = None
    _closing = False

    def is_closing(self) -> bool:
        """Return True once the transport was closed."""
        return self._closing

    def claim(self, source: tuple[str, int]) -> None:
        """Take note that a check has authenticated a source address."""

    def release(self, source: tuple[str, int]) -> None:
        """Take note that nothing is accepted from a source address any more."""

    def transmit(self, datagram: bytes, address: tuple[Any, ...]) -> bool:
        """Send a datagram at once; return False if it is not taken."""
        raise NotImplementedError

    def transmit_all(self, datagrams: Sequence[bytes], address: tuple[Any, ...]) -> int:
        """Send several datagrams in order; return how many were sent, from the first on."""
        raise NotImplementedError

    def drain(self, limit: int, seconds: Seconds = SECONDS_PER_TURN) -> None:
        """Read at once what has arrived: at most `limit` datagrams, and for about `seconds`."""
        raise NotImplementedError

    async def released(self, timeout: Seconds) -> None:
        """Wait until what was closed is free: at once, but for the allocation of a TURN server."""

    def sendto(self, data: bytes | bytearray | memoryview, addr: Any = None) -> None:
        """Send a datagram at once, or drop it; called by asyncio's protocols."""
        self.transmit(bytes(data), addr)

    def abort(self) -> None:
        """Close the transport at once, as `close` does, since nothing is buffered."""
        self.close()


class UdpTransport(PromptTransport):
    """Bound UDP socket, read by the event loop.

    Args:
        sock: The socket, owned by this transport from now on.
        events: Told of each datagram.

    Raises:
        NotImplementedError: The event loop cannot watch sockets; the socket stays the caller's.
    """

    def __init__(self, sock: socket.socket, events: UdpEvents) -> None:
        super().__init__({"socket": sock, "sockname": sock.getsockname()})
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._events = events
        self._offload = SegmentationOffload(sock)
        sock.setblocking(False)
        self._loop.add_reader(sock, self.drain)

    def __repr__(self) -> str:
        state = "closed" if self._closing else "open"
        return f"<UdpTransport {self.get_extra_info('sockname')} {state}>"

    def transmit(self, datagram: bytes, address: tuple[Any, ...]) -> bool:
        """Send a datagram at once; return False if the kernel does not take it."""
        if self._closing:
            return False
        try:
            self._socket.sendto(datagram, address)
        except BlockingIOError:
            # What waited here would only come later than what is sent instead of it.
            return False
        except OSError as error:
            self._events.error_received(error)
            return False
        return True

    def transmit_all(self, datagrams: Sequence[bytes], address: tuple[Any, ...]) -> int:
        """Send several datagrams in order, those of one size by one system call.

        Returns:
            How many were sent, from the first on.
        """
        offload = self._offload
        count = len(datagrams)
        sent = 0
        while sent < count and not self._closing:
            end = end_of_run(datagrams, sent) if offload.available else sent
            run = datagrams[sent:end] if sent or end < count else datagrams
            if end > sent + 1 and offload.send(run, address):
                sent = end
            elif self.transmit(datagrams[sent], address):
                sent += 1
            else:
                break
        return sent

    def drain(self, limit: int = MAX_PER_TURN, seconds: Seconds = SECONDS_PER_TURN) -> None:
        """Read the datagrams that have arrived, at most `limit` of them, and about so long."""
        receive = self._socket.recvfrom
        on_udp = self._events.on_udp
        clock = self._loop.time
        end = math.inf
        for number in range(limit):
            if self._closing:
                return
            try:
                data, source = receive(MAX_DATAGRAM_SIZE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._events.error_received(error)
                return
            if number == 0:
                self.read_at = clock()
                end = self.read_at + seconds
            # The kernel cuts off what is too long, and does not say so.
            if len(data) < MAX_DATAGRAM_SIZE:
                on_udp(data, source)
            else:
                self._events.on_oversized()
            if clock() >= end:
                return

    def detach(self) -> socket.socket:
        """Give the socket to another owner: stop sending and receiving, and report nothing."""
        self._closing = True
        self._loop.remove_reader(self._socket)
        return self._socket

    def close(self) -> None:
        """Stop sending and receiving, and report `connection_lost` on the next turn of the loop."""
        if self._closing:
            return
        self._closing = True
        self._loop.remove_reader(self._socket)
        self._loop.call_soon(self._end)

    def _end(self) -> None:
        try:
            self._events.connection_lost(None)
        finally:
            self._socket.close()


def send_until_refused(send: Callable[[bytes], bool], datagrams: Iterable[bytes]) -> int:
    """Send datagrams one by one until one is refused; return how many were sent."""
    return sum(1 for _ in takewhile(send, datagrams))


def enlarge_buffers(sock: socket.socket) -> None:
    """Enlarge the buffers of a socket for bursts; what the kernel refuses is no error."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
            return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
