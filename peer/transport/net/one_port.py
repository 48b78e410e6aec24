"""One UDP port for all connections of an event loop, told apart by ICE's username fragments.

A check names our username fragment, and an answer its transaction. All else is told by its source
address, which belongs to the connection whose authenticated check came from there. Other stacks
call this a UDP mux (Pion), or a WebRtcServer (mediasoup).

The forks of one offer have one username fragment of ours. Their checks are told apart by that of
the peer, which the same attribute has behind the colon.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, assert_never

from aioice import stun

from peer.transport.net.per_loop import PerLoop
from peer.transport.net.udp import (
    MAX_PER_TURN,
    SECONDS_PER_TURN,
    PromptTransport,
    UdpEvents,
    UdpTransport,
)
from peer.transport.wire.stun import checked_username, stun_class

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from peer.times import MonotonicTime, Seconds

_logger = logging.getLogger("peer.transport.ice")

#: Host and port; an address of IPv6 without flow and scope, as ICE has it.
_Address: TypeAlias = tuple[str, int]
_ValueT = TypeVar("_ValueT")

#: Datagrams taken from the kernel in one turn, to be handed out in turn (ours): taking one costs a
#: tenth of handling it, so that a flood on one connection does not fill the buffer of all.
MAX_READ_PER_TURN: Final = 4 * MAX_PER_TURN
#: Datagrams of one connection that wait for their turn (ours): as many as a socket of its own
#: would hold.
MAX_WAITING: Final = 2048
#: Seconds after the last check or answer from an address in which no other connection gets it
#: (ours): the checks of consent come every 4 to 6 s from either end (RFC 7675 section 5.1).
HOLD: Final[Seconds] = 8.0


class PortShare(PromptTransport):
    """The part of one ICE generation in a shared port: a socket, as far as the generation sees.

    Args:
        port: The shared port.
        fragment: Our username fragment.
        events: Told of each datagram.
        receiver: Where data goes in the end. Generations with the same one belong together, and
            may have one source address.

    Attributes:
        transactions: STUN transactions of this share, by their id.
        contended: Checks and answers dropped, as their source belongs to another connection.
        overflowed: Datagrams dropped, as `MAX_WAITING` waited already.
    """

    def __init__(
        self, port: OnePort, fragment: bytes, events: UdpEvents, *, receiver: object
    ) -> None:
        super().__init__({"sockname": port.sockname})
        self.read_at = port.base.read_at
        self.fragment = fragment
        self.events = events
        self.receiver = receiver
        self.transmit = port.base.transmit  # type: ignore[method-assign]  # as below
        self.transmit_all = port.base.transmit_all  # type: ignore[method-assign]  # spares a call
        self.transactions: dict[bytes, Any] = _SharedKeys(port.transactions, self)
        self.contended = 0
        self.overflowed = 0
        #: Source addresses by the time of their last check or answer.
        self.sources: dict[_Address, MonotonicTime] = {}
        self.waiting: deque[tuple[bytes, tuple[Any, ...]]] = deque()
        #: USERNAME of the checks that are for this fork, where it is one.
        self.usernames: set[bytes] = set()
        self._port = port

    def __repr__(self) -> str:
        state = "closed" if self._closing else f"{len(self.sources)} sources"
        return f"<PortShare {self.fragment.decode()} of {self._port!r}, {state}>"

    def transmit(self, datagram: bytes, address: tuple[Any, ...]) -> bool:
        """Refuse a datagram, as the share is closed; an open one has the port's own method."""
        del datagram, address
        return False

    def transmit_all(self, datagrams: Sequence[bytes], address: tuple[Any, ...]) -> int:
        """Refuse datagrams, as the share is closed; an open one has the port's own method."""
        del datagrams, address
        return 0

    def branch(self, events: UdpEvents, *, receiver: object) -> PortShare:
        """Make the share of a fork: the same username fragment, for another peer."""
        return self._port.branch(self, events, receiver=receiver)

    def serve_peer(self, fragment: str) -> None:
        """Take the checks of the peer with this username fragment, and no other fork does."""
        if not self._closing:
            self._port.serve_peer(self, fragment)

    def serve_unknown_peers(self) -> None:
        """Take the checks that name our username fragment and a peer that no fork serves."""
        if not self._closing:
            self._port.serve_unknown_peers(self)

    def fork_of(self, fragment: str) -> PortShare | None:
        """Return the share that serves the peer with this username fragment; None without one."""
        return self._port.fork_of(self, fragment)

    def claim(self, source: _Address) -> None:
        """Take the datagrams from a source address from now on: a check has authenticated it."""
        if not self._closing:
            self._port.claim(source, self)

    def release(self, source: _Address) -> None:
        """Give a source address back to the share that had it before."""
        self._port.release(source, self)

    def drain(self, limit: int, seconds: Seconds = SECONDS_PER_TURN) -> None:
        """Handle at once what waits for this share, and a turn's worth of the kernel's."""
        del limit, seconds
        if not self._closing:
            self._port.drain_for(self)

    def close(self) -> None:
        """Leave the port, which is closed with the last share."""
        if not self._closing:
            self._end()
            asyncio.get_running_loop().call_soon(self.events.connection_lost, None)

    def on_port_lost(self, error: Exception | None) -> None:
        """Leave the port, which is gone, as that of a TURN server that hung up."""
        if not self._closing:
            self._end()
            self.events.connection_lost(error)

    async def released(self, timeout: Seconds) -> None:
        """Wait until the port is free, where this was its last share."""
        await self._port.released(timeout)

    def _end(self) -> None:
        self._closing = True
        del self.transmit, self.transmit_all
        self._port.leave(self)


class OnePort:
    """A bound UDP socket, or a TURN allocation, that several ICE generations share.

    It is closed when the last has left.

    Every table holds what the shares put there, and their entries go with them: a username
    fragment each, the source addresses that their checks authenticated, their transactions.

    Args:
        open_base: Opens the socket, which hands its datagrams to `on_udp`, and calls `serve`.
        on_close: Called when the last share has left.

    Attributes:
        base: The socket.
        dropped: Datagrams dropped, as they belong to no share, or to no share alone.

    Raises:
        NotImplementedError: The event loop cannot watch sockets; the socket stays the caller's.
    """

    def __init__(
        self, open_base: Callable[[OnePort], PromptTransport], on_close: Callable[[], None]
    ) -> None:
        self.dropped = 0
        self.base = open_base(self)
        self.sockname: tuple[Any, ...] = self.base.get_extra_info("sockname")
        self.transactions: dict[bytes, PortShare] = {}
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        #: All of them, in the order in which they came.
        self._members: dict[PortShare, None] = {}
        #: By our username fragment: of several forks, the one that serves unknown peers.
        self._shares: dict[bytes, PortShare] = {}
        #: Forks by the USERNAME of the checks that are for them.
        self._forks: dict[bytes, PortShare] = {}
        self._holders: dict[_Address, PortShare] = {}
        #: Those that an address belonged to before, where they are there still; the latest last.
        self._former: dict[_Address, list[PortShare]] = {}
        #: Shares with datagrams that wait, in the order of their turns.
        self._ready: deque[PortShare] = deque()
        self._continuing = False

    def __repr__(self) -> str:
        host, port = self.sockname[:2]
        return f"<OnePort {host} port {port}, {len(self._members)} shares>"

    def join(self, fragment: str, events: UdpEvents, *, receiver: object) -> PortShare | None:
        """Make the share of a generation; return None if its username fragment is in use."""
        name = fragment.encode()
        if name in self._shares:
            return None
        self._shares[name] = share = PortShare(self, name, events, receiver=receiver)
        self._members[share] = None
        return share

    def branch(self, share: PortShare, events: UdpEvents, *, receiver: object) -> PortShare:
        """Make the share of a fork, which gets no checks before `serve_peer`."""
        made = PortShare(self, share.fragment, events, receiver=receiver)
        self._members[made] = None
        return made

    def serve_peer(self, share: PortShare, fragment: str) -> None:
        """Give the checks of a peer, by its username fragment, to one of several forks."""
        username = b"%s:%s" % (share.fragment, fragment.encode())
        former = self._forks.get(username)
        if former is not None:
            former.usernames.discard(username)
        self._forks[username] = share
        share.usernames.add(username)

    def serve_unknown_peers(self, share: PortShare) -> None:
        """Give the checks of peers that no fork serves to one of several forks."""
        self._shares[share.fragment] = share

    def fork_of(self, share: PortShare, fragment: str) -> PortShare | None:
        """Return the fork that serves a peer, by its username fragment."""
        return self._forks.get(b"%s:%s" % (share.fragment, fragment.encode()))

    def leave(self, share: PortShare) -> None:
        """Remove a share from every table."""
        del self._members[share]
        if self._shares.get(share.fragment) is share:
            del self._shares[share.fragment]
        for username in share.usernames:
            del self._forks[username]
        share.waiting.clear()
        if share.overflowed:
            _logger.info("%r had no room for %d datagrams", share, share.overflowed)
        for source in list(share.sources):
            self.release(source, share)
        for transaction in share.transactions:
            self.transactions.pop(transaction, None)
        if not self._members:
            if self.dropped:
                _logger.info("%r dropped %d datagrams that were nobody's", self, self.dropped)
            self._on_close()
            self.base.close()

    async def released(self, timeout: Seconds) -> None:
        """Wait until the socket is free, if the last share has left."""
        if not self._members:
            await self.base.released(timeout)

    # Source addresses

    def claim(self, source: _Address, share: PortShare) -> None:
        """Give a source address to a share: the latest that authenticated it."""
        holder = self._holders.get(source)
        if holder is not share:
            if source in share.sources:
                self.release(source, share)
            if holder is not None:
                self._former.setdefault(source, []).append(holder)
                if holder.receiver != share.receiver:
                    _logger.info("%s port %d is the peer of %r now", *source, share)
            self._holders[source] = share
        share.sources[source] = self._now()

    def release(self, source: _Address, share: PortShare) -> None:
        """Take a source address from a share; whoever had it before has it again."""
        if share.sources.pop(source, None) is None:
            return
        former = self._former.get(source, [])
        if self._holders[source] is not share:
            former.remove(share)
        elif former:
            self._holders[source] = former.pop()
        else:
            del self._holders[source]
        if not former:
            self._former.pop(source, None)

    def _is_held_by_another(self, source: _Address, share: PortShare) -> bool:
        holder = self._holders.get(source)
        return (
            holder is not None
            and holder is not share
            # Generations of one transport take over from each other at once.
            and holder.receiver != share.receiver
            and self._now() - holder.sources[source] < HOLD
        )

    def _now(self) -> MonotonicTime:
        return self._loop.time()

    # Datagrams

    def on_udp(self, data: bytes, source: tuple[Any, ...]) -> None:
        """Put a datagram into the queue of its share, or drop it."""
        # An address of IPv6 has four parts.
        address = source if len(source) == 2 else source[:2]
        # RFC 7983 section 7: a first byte from 0 to 3 is STUN.
        share = self._of_stun(data, address) if data < b"\x04" else self._holders.get(address)
        if share is None:
            self.dropped += 1
            return
        waiting = share.waiting
        if not waiting:
            self._ready.append(share)
        elif len(waiting) >= MAX_WAITING:
            share.overflowed += 1
            return
        waiting.append((data, source))

    def _of_stun(self, data: bytes, source: _Address) -> PortShare | None:
        kind = stun_class(data)
        match kind:
            case None:
                return None
            case stun.Class.REQUEST:
                share = self._of_check(data)
            case stun.Class.RESPONSE | stun.Class.ERROR:
                share = self.transactions.get(data[8:20])
            case stun.Class.INDICATION:
                return self._holders.get(source)
            case _:
                assert_never(kind)
        if share is not None and kind is not stun.Class.REQUEST and source in share.sources:
            # Only who saw our check knows its transaction.
            share.sources[source] = self._now()
        return share

    def _of_check(self, data: bytes) -> PortShare | None:
        username = checked_username(data)
        if username is None:
            return None
        fork = self._forks.get(username)
        return self._shares.get(username.partition(b":")[0]) if fork is None else fork

    def _fork_made_for(self, data: bytes) -> PortShare | None:
        """Return the fork that a check is for, which may have been made while the check waited."""
        username = checked_username(data) if stun_class(data) is stun.Class.REQUEST else None
        return None if username is None else self._forks.get(username)

    def _drop_contended(self, share: PortShare, source: _Address) -> None:
        self.dropped += 1
        share.contended += 1
        if share.contended == 1:
            _logger.warning(
                "a check for %r came from %s port %d, which is the peer of another connection on "
                "this port: not answered, as their data could not be told apart",
                share,
                *source,
            )

    def serve(self) -> None:
        """Hand out the datagrams that wait, one of each share in turn, a turn's worth at most."""
        ready = self._ready
        end = self._now() + SECONDS_PER_TURN
        try:
            for _ in range(MAX_PER_TURN):
                if not ready:
                    return
                share = ready.popleft()
                if not share.waiting:
                    # It was closed, or drained.
                    continue
                if len(share.waiting) > 1:
                    ready.append(share)
                self._hand_over(share)
                if self._now() >= end:
                    return
        finally:
            if ready and not self._continuing:
                self._continuing = True
                self._loop.call_soon(self._continue)

    def _continue(self) -> None:
        self._continuing = False
        self.serve()

    def _hand_over(self, share: PortShare) -> None:
        data, source = share.waiting.popleft()
        if data < b"\x04" and self._is_held_by_another(source[:2], share):
            fork = self._fork_made_for(data)
            if fork is None or fork is share:
                # One that is not even answered makes ICE look for another pair, or say that there
                # is none; an answer would promise a path on which the other one's data comes.
                self._drop_contended(share, source[:2])
                return
            share = fork
        share.read_at = self.base.read_at
        share.events.on_udp(data, source)

    def drain_for(self, share: PortShare) -> None:
        """Read a turn's worth of datagrams, and hand over all those of a share."""
        self.base.drain(MAX_READ_PER_TURN)
        while share.waiting:
            self._hand_over(share)

    # The rest of UdpEvents

    def on_oversized(self) -> None:
        """Count a datagram that was too long for the receive buffer."""
        self.dropped += 1

    def error_received(self, error: OSError) -> None:
        """Pass over an error of a send, which is as good as a loss."""
        _logger.debug("%r: %s", self, error)

    def on_refusal(self, error: Exception) -> None:
        """Tell every share that the TURN server has refused to relay."""
        for share in tuple(self._members):
            share.events.error_received(error)  # type: ignore[arg-type]  # asyncio's own type

    def connection_lost(self, error: Exception | None) -> None:
        """Do nothing when the socket is closed: its shares have left before."""

    def on_lost(self, error: Exception | None) -> None:
        """End every share, as the TURN server has hung up."""
        for share in tuple(self._members):
            share.on_port_lost(error)


class SharedSocket(UdpTransport):
    """The socket below a `OnePort`: hands out what it has read, and frees its port at once."""

    def __init__(self, sock: socket.socket, port: OnePort) -> None:
        self._port = port
        super().__init__(sock, port)

    def drain(self, limit: int = MAX_READ_PER_TURN, seconds: Seconds = SECONDS_PER_TURN) -> None:
        super().drain(limit, seconds)
        self._port.serve()

    def close(self) -> None:
        # The next connection may bind the port in this very turn.
        if not self._closing:
            super().close()
            self._socket.close()


class _SharedKeys(dict[bytes, _ValueT]):
    """Transactions of a share, which the port finds by their id."""

    def __init__(self, table: dict[bytes, PortShare], share: PortShare) -> None:
        super().__init__()
        self._table = table
        self._share = share

    def __setitem__(self, key: bytes, value: _ValueT) -> None:
        super().__setitem__(key, value)
        self._table[key] = self._share

    def __delitem__(self, key: bytes) -> None:
        super().__delitem__(key)
        self._table.pop(key, None)

    def pop(self, key: bytes, *default: Any) -> Any:
        self._table.pop(key, None)
        return super().pop(key, *default)


def port_of(sock: socket.socket, on_close: Callable[[], None]) -> OnePort:
    """Share a bound UDP socket, which the port owns from now on.

    Raises:
        NotImplementedError: The event loop cannot watch sockets; the socket stays the caller's.
    """
    return OnePort(partial(SharedSocket, sock), on_close)


#: The shared ports of each event loop.
SHARED_PORTS: Final = PerLoop(port_of)
