"""Owns a UDP socket on the event loop: drained on each wake-up, with room for bursts.

asyncio's own transport reads one datagram a turn of the loop, and uvloop's does not say what
became of what was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from struct import Struct
from typing import Any, Final, Protocol

#: Asked of the kernel, which doubles it and accounts 2.3 to 4.4 KiB for a datagram of 1,100 bytes.
#: A second at 20 Mbit/s is 2,273 of these.
RECEIVE_BUFFER: Final = 6_000_000
#: One key frame at 8 Mbit/s fits.
SEND_BUFFER: Final = 1 << 20
#: Bytes of a datagram, exclusive. Nothing in WebRTC is sent in larger ones: RFC 8834 and RFC 8831
#: keep below the MTU of the path.
LARGEST: Final = 2048
#: Datagrams after which the rest of the program gets its turn.
MOST_IN_A_TURN: Final = 256

# <linux/udp.h>: the kernel cuts one long datagram into many, at a third of the cost.
_SOL_UDP, _UDP_SEGMENT = 17, 103
_SEGMENT = Struct("=H")
# 64 is the bound of older kernels; together they have to fit into one datagram.
_MOST_SEGMENTS = 65_000 // LARGEST
_CANNOT_CUT = (errno.EIO, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOPROTOOPT)

# <asm-generic/socket.h>; beyond what the administrator grants everybody, where we are trusted.
_SO_RCVBUFFORCE = 33


class UdpEvents(Protocol):
    """Who hears what a socket receives, each as a plain call on the event loop."""

    def on_udp(self, data: bytes, source: tuple[Any, ...]) -> None:
        """A datagram; it may close the transport."""

    def on_oversized(self) -> None:
        """A datagram was dropped, as it is too large for anything of ours."""

    def error_received(self, error: OSError) -> None:
        """The kernel reports an error, which need not be about the latest datagram."""

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is closed."""


class UdpTransport(asyncio.DatagramTransport):
    """A bound socket, in use from now on.

    Args:
        sock: Is ours from now on.
        events: Told what arrives.

    Raises:
        NotImplementedError: The event loop cannot watch sockets; the socket stays the caller's.
    """

    def __init__(self, sock: socket.socket, events: UdpEvents) -> None:
        super().__init__({"socket": sock, "sockname": sock.getsockname()})
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._events = events
        self._closing = False
        self._cuts = _can_cut(sock)
        sock.setblocking(False)
        self._loop.add_reader(sock, self.drain)

    def transmit(self, datagram: bytes, address: tuple[Any, ...]) -> bool:
        """Send at once; False where the kernel does not take it."""
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
        """Send several in their order, those of one size by one call of the kernel.

        Returns:
            How many were sent, from the first on.
        """
        count = len(datagrams)
        sent = 0
        while sent < count:
            end = _end_of_run(datagrams, sent) if self._cuts else sent
            run = datagrams[sent:end] if sent or end < count else datagrams
            if end > sent + 1 and self._transmit_run(run, address):
                sent = end
            elif self.transmit(datagrams[sent], address):
                sent += 1
            else:
                break
        return sent

    def _transmit_run(self, datagrams: Sequence[bytes], address: tuple[Any, ...]) -> bool:
        cut = [(_SOL_UDP, _UDP_SEGMENT, _SEGMENT.pack(len(datagrams[0])))]
        if self._closing:
            return False
        try:
            self._socket.sendmsg(datagrams, cut, 0, address)
        except OSError as error:
            # Each is tried by itself: some network devices cannot send what is to be cut.
            self._cuts = self._cuts and error.errno not in _CANNOT_CUT
            return False
        return True

    def sendto(self, data: bytes | bytearray | memoryview, addr: Any = None) -> None:
        """Send at once, or not at all."""
        self.transmit(bytes(data), addr)

    def drain(self, limit: int = MOST_IN_A_TURN) -> None:
        """Take in what has arrived, so many datagrams at most."""
        receive = self._socket.recvfrom
        tell = self._events.on_udp
        for _ in range(limit):
            if self._closing:
                return
            try:
                data, source = receive(LARGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._events.error_received(error)
                return
            # The kernel cuts off what is too long, and does not say so.
            if len(data) < LARGEST:
                tell(data, source)
            else:
                self._events.on_oversized()

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self._closing

    def close(self) -> None:
        """Receive and send nothing more, and say so on the next turn of the loop."""
        if self._closing:
            return
        self._closing = True
        self._loop.remove_reader(self._socket)
        self._loop.call_soon(self._end)

    def abort(self) -> None:
        """The same."""
        self.close()

    def _end(self) -> None:
        try:
            self._events.connection_lost(None)
        finally:
            self._socket.close()


def count_sent(send: Callable[[bytes], bool], datagrams: Iterable[bytes]) -> int:
    """Send one by one until one cannot be sent; how many were."""
    return sum(1 for _ in takewhile(send, datagrams))


def _end_of_run(datagrams: Sequence[bytes], start: int) -> int:
    """Behind the last of those that the kernel can cut out of one: the last may be shorter."""
    sizes = list(map(len, datagrams[start : start + _MOST_SEGMENTS]))
    size = sizes[0]
    # An empty one leaves nothing to cut.
    if not 0 < size < LARGEST:
        return start + 1
    last = len(sizes) - 1
    # Most often, all but the last of a picture have one size.
    if sizes.count(size) - (sizes[last] == size) < last:
        last = next(index for index, other in enumerate(sizes) if other != size)
    return start + last + (0 < sizes[last] <= size)


def _can_cut(sock: socket.socket) -> bool:
    # Kernels that do not know the option would send all of them as one datagram.
    try:
        sock.getsockopt(_SOL_UDP, _UDP_SEGMENT)
    except OSError:
        return False
    return sys.platform == "linux"


def enlarge_buffers(sock: socket.socket) -> None:
    """Ask for room for bursts; what the kernel refuses is no error."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
            return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
