"""TCP of an ICE generation (RFC 6544): streams that it dials, and streams that come to it.

Each looks like a UDP socket from above: it sends to an address, and datagrams come from addresses.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from aioice import stun

from peer.transport.net.per_loop import PerLoop, owner_of
from peer.transport.net.tcp_stream import Address, TcpStream, remote_of
from peer.transport.net.udp import SECONDS_PER_TURN, PromptTransport, UdpEvents, send_until_refused
from peer.transport.wire.stun import checked_fragment, stun_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.times import Seconds

_logger = logging.getLogger("peer.transport.ice")

#: TCP connections of one generation at one address (ours): a peer has one for each of its
#: interfaces, and a few more while it tries again.
MAX_STREAMS: Final = 16
#: Accepted connections whose first frame has yet to say whose they are (ours); the oldest goes.
MAX_ANONYMOUS: Final = 64
#: Connections accepted in one turn of the event loop (ours), and those that the kernel holds.
MAX_ACCEPTED_PER_TURN: Final = 16
_BACKLOG: Final = 64
#: Seconds without accepting, where the process has no descriptor or memory left (as asyncio).
_ACCEPT_PAUSE: Final[Seconds] = 1.0
_CONNECTING: Final = frozenset({0, errno.EINPROGRESS, errno.EWOULDBLOCK})


class TcpEvents(UdpEvents, Protocol):
    """Receives the events of the streams of one generation."""

    def on_stream_lost(self, source: Address) -> None:
        """Take note that a stream has ended."""


class TcpStreams(PromptTransport):
    """The streams of one ICE generation at one local address.

    Args:
        sockname: Address of the local candidate.
        events: Told of each datagram.
    """

    def __init__(self, sockname: tuple[Any, ...], events: TcpEvents) -> None:
        super().__init__({"sockname": sockname})
        self.streams: dict[Address, TcpStream] = {}
        self._events = events

    def __repr__(self) -> str:
        state = "closed" if self._closing else f"{len(self.streams)} streams"
        return f"<{type(self).__name__} {self.get_extra_info('sockname')}, {state}>"

    def transmit(self, datagram: bytes, address: tuple[Any, ...]) -> bool:
        """Send a datagram on the stream to an address; return False if it is not taken."""
        stream = self.streams.get(remote_of(address))
        return stream is not None and stream.send(datagram)

    def transmit_all(self, datagrams: Sequence[bytes], address: tuple[Any, ...]) -> int:
        """Send several datagrams in order; return how many were sent, from the first on."""
        return send_until_refused(lambda datagram: self.transmit(datagram, address), datagrams)

    def claim(self, source: Address) -> None:
        """Keep a stream, as a check has authenticated it."""
        stream = self.streams.get(source)
        if stream is not None:
            stream.validate()

    def drain(self, limit: int, seconds: Seconds = SECONDS_PER_TURN) -> None:
        """Read at once a turn's worth of what has arrived on each stream."""
        del limit, seconds
        for stream in list(self.streams.values()):
            stream.receive()

    def add(self, stream: TcpStream) -> bool:
        """Take a stream, or close it and return False where there are too many.

        One that no check has authenticated gives way to a later one.
        """
        if len(self.streams) >= MAX_STREAMS:
            unproven = [each for each in self.streams.values() if not each.is_validated]
            if not unproven:
                stream.close()
                return False
            unproven[0].close()
        former = self.streams.pop(stream.remote, None)
        if former is not None:
            former.close()
        self.streams[stream.remote] = stream
        stream.events = self
        return True

    def on_frame(self, stream: TcpStream, data: bytes) -> None:
        """Pass a datagram on."""
        self.read_at = stream.read_at
        self._events.on_udp(data, stream.remote)

    def on_long_frame(self, stream: TcpStream) -> None:
        """Count a datagram that was too long."""
        del stream
        self._events.on_oversized()

    def on_stream_end(self, stream: TcpStream) -> None:
        """Forget a stream that has ended."""
        if self.streams.get(stream.remote) is stream:
            del self.streams[stream.remote]
            self._events.on_stream_lost(stream.remote)

    def close(self) -> None:
        """Close every stream, and report `connection_lost` on the next turn of the loop."""
        if self._closing:
            return
        self._closing = True
        for stream in list(self.streams.values()):
            stream.close()
        asyncio.get_running_loop().call_soon(self._events.connection_lost, None)


class TcpDialer(TcpStreams):
    """Makes a TCP connection to each address that it is to send to: an active candidate.

    A connection that failed or was lost is made anew with the next check.

    Args:
        family: Of the local address.
        name: Local address to connect from, with port 0.
        events: Told of each datagram.
    """

    def __init__(
        self, family: socket.AddressFamily, name: tuple[Any, ...], events: TcpEvents
    ) -> None:
        # RFC 6544 section 4.5: an active candidate has port 9, as nobody connects to it.
        super().__init__((name[0], 9), events)
        self._family = family
        self._name = name

    def transmit(self, datagram: bytes, address: tuple[Any, ...]) -> bool:
        """Send a datagram to an address, on a new stream where there is none."""
        remote = remote_of(address)
        stream = self.streams.get(remote)
        # Only a check makes a connection: without an answer to one, nothing else is sent.
        if stream is None and not self._closing and datagram < b"\x04":
            stream = self._dial(remote)
        return stream is not None and stream.send(datagram)

    def _dial(self, remote: Address) -> TcpStream | None:
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.bind(self._name)
            refusal = sock.connect_ex(remote)
            if refusal not in _CONNECTING:
                raise OSError(refusal, os.strerror(refusal))
            stream = TcpStream(sock, remote, self, connecting=True)
        except OSError as error:
            _logger.debug("no TCP connection from %s to %s port %d: %s", self._name, *remote, error)
            sock.close()
            return None
        return stream if self.add(stream) else None


class TcpShare(TcpStreams):
    """The streams that come to one ICE generation: a passive candidate.

    Args:
        listener: Accepts them.
        fragment: Our username fragment.
        events: Told of each datagram.
    """

    def __init__(self, listener: TcpListener, fragment: bytes, events: TcpEvents) -> None:
        super().__init__(listener.sockname, events)
        self.fragment = fragment
        self._listener = listener

    def close(self) -> None:
        """Close the streams, and the listener with its last share."""
        if not self._closing:
            self._listener.leave(self)
        super().close()


class TcpListener:
    """Listening TCP socket that gives each connection to the generation that its check names.

    A connection whose first frame is no check for one of them is closed, as is one that no check
    has authenticated in time.

    Args:
        sock: A socket that listens, owned by this object from now on.
        on_close: Called when the last generation has left.

    Attributes:
        dropped: Connections closed, as they were nobody's.

    Raises:
        NotImplementedError: The event loop cannot watch sockets; the socket stays the caller's.
    """

    def __init__(self, sock: socket.socket, on_close: Callable[[], None]) -> None:
        self.sockname: tuple[Any, ...] = sock.getsockname()
        self.dropped = 0
        self._socket = sock
        self._on_close = on_close
        self._shares: dict[bytes, TcpShare] = {}
        self._anonymous: dict[TcpStream, None] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock, self._accept)

    def __repr__(self) -> str:
        host, port = self.sockname[:2]
        return f"<TcpListener {host} port {port}, {len(self._shares)} shares>"

    def join(self, fragment: str, events: TcpEvents) -> TcpShare | None:
        """Make the share of a generation; return None if its username fragment is in use."""
        name = fragment.encode()
        if name in self._shares:
            return None
        self._shares[name] = share = TcpShare(self, name, events)
        return share

    def leave(self, share: TcpShare) -> None:
        """Remove a generation, and close the socket after the last one."""
        del self._shares[share.fragment]
        if not self._shares:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            for stream in list(self._anonymous):
                stream.close()
            self._on_close()

    def on_frame(self, stream: TcpStream, data: bytes) -> None:
        """Give a connection to the generation that its first frame names, or close it."""
        share = None
        if stun_class(data) is stun.Class.REQUEST and (fragment := checked_fragment(data)):
            share = self._shares.get(fragment)
        if share is None:
            stream.close()
            return
        del self._anonymous[stream]
        if share.add(stream):
            share.on_frame(stream, data)

    def on_long_frame(self, stream: TcpStream) -> None:
        """Close a connection whose first frame is no check, as it is too long."""
        stream.close()

    def on_stream_end(self, stream: TcpStream) -> None:
        """Count a connection that ended before it was anybody's."""
        if stream in self._anonymous:
            del self._anonymous[stream]
            self.dropped += 1

    def _accept(self) -> None:
        for _ in range(MAX_ACCEPTED_PER_TURN):
            try:
                sock, name = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                _logger.warning("%r accepts nothing for a moment: %s", self, error)
                self._loop.remove_reader(self._socket)
                self._loop.call_later(_ACCEPT_PAUSE, self._accept_again)
                return
            sock.setblocking(False)
            if len(self._anonymous) >= MAX_ANONYMOUS:
                next(iter(self._anonymous)).close()
            self._anonymous[TcpStream(sock, remote_of(name), self, connecting=False)] = None

    def _accept_again(self) -> None:
        if self._shares:
            self._loop.add_reader(self._socket, self._accept)


#: The shared listeners of each event loop.
SHARED_LISTENERS: Final = PerLoop(TcpListener)


def listening(family: socket.AddressFamily, bind: Callable[[socket.socket], None]) -> socket.socket:
    """Make a TCP socket that listens.

    Args:
        family: Of its address.
        bind: Binds it.

    Raises:
        OSError: The address cannot be bound, or listened at.
    """
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        # Connections that were closed a minute ago do not keep the port; that Windows would let
        # two processes listen is why asyncio sets it elsewhere only.
        if hasattr(socket, "SO_REUSEPORT"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bind(sock)
        sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def own_listener(sock: socket.socket) -> TcpListener:
    """Make the listener of one generation.

    Raises:
        NotImplementedError: The event loop cannot watch sockets.
    """
    return owner_of(sock, lambda sock: TcpListener(sock, lambda: None))
