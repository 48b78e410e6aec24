"""Owns one local socket or TURN allocation of an ICE agent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aioice import stun
from aioice.ice import StunProtocol
from aioice.turn import TurnTransport

from peer.transport.net.udp import UdpTransport, count_sent
from peer.transport.wire.stun import parse_stun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.transport.adapters.ice import IceAgent

Address = tuple[str, int]

MAX_SOURCES = 128
# What the buffer of a socket holds; the kernel counts its own overhead too.
MAX_DRAINED = 8192
# Datagrams that wait for a TURN channel, and bytes that wait for a TURN server's TCP connection.
MAX_RELAY_SENDS = 64
MAX_RELAY_BYTES = 256 * 1024


class IceSocket(StunProtocol):
    """A socket that hears its peer only: addresses that a check has shown to be the peer's."""

    receiver: IceAgent

    def __init__(self, agent: IceAgent) -> None:
        super().__init__(agent)
        self.preference = 65535
        self._congested = False
        self._udp: UdpTransport | None = None
        # Insertion order is the order of their last check; the oldest goes first.
        self._sources: dict[Address, None] = {}

    def hear(self, source: Address) -> None:
        """Listen to an address from now on."""
        self._sources.pop(source, None)
        self._sources[source] = None
        if len(self._sources) > MAX_SOURCES:
            del self._sources[next(iter(self._sources))]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A socket, or a TURN allocation; called by whoever made it."""
        super().connection_made(transport)
        self._udp = transport if isinstance(transport, UdpTransport) else None

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """From a TURN allocation."""
        assert isinstance(data, bytes)
        self.on_udp(data, addr)

    def on_udp(self, data: bytes, source: tuple[Any, ...]) -> None:
        """Tell STUN from the rest, and the peer from strangers."""
        # Of IPv6 there are four parts.
        address = source if len(source) == 2 else source[:2]
        # RFC 7983 section 7: a first byte from 0 to 3 is STUN.
        if data < b"\x04":
            self._stun_received(data, address)
        elif address in self._sources:
            self.receiver.on_datagram(data)
        else:
            self.receiver.foreign += 1

    def on_oversized(self) -> None:
        """From the socket: a datagram was too large."""
        self.receiver.oversized += 1

    def _stun_received(self, data: bytes, source: Address) -> None:
        message = parse_stun(data)
        if message is None:
            self.receiver.malformed += 1
            return
        match message.message_class:
            case stun.Class.REQUEST:
                self.receiver.request_received(message, source, self)
            case stun.Class.RESPONSE | stun.Class.ERROR:
                transaction = self.transactions.get(message.transaction_id)
                if transaction is not None:
                    self.receiver.checks_refused += message.message_class is stun.Class.ERROR
                    transaction.response_received(message, source)
            case stun.Class.INDICATION:
                # RFC 8445 section 11: a keepalive, to which nothing is due.
                pass

    def pause_writing(self) -> None:
        """The kernel takes no more; called by asyncio."""
        self._congested = True

    def resume_writing(self) -> None:
        """The kernel takes datagrams again; called by asyncio."""
        self._congested = False

    def transmit(self, datagram: bytes, address: Address) -> bool:
        """Send at once, or not at all where that would have to wait for long."""
        if self._udp is not None:
            return self._udp.transmit(datagram, address)
        transport: object = self.transport
        if isinstance(transport, TurnTransport):
            if not _relay_is_free(transport):
                return False
        elif self._congested or self.transport.is_closing():
            return False
        self.transport.sendto(datagram, address)
        return True

    def transmit_all(self, datagrams: Sequence[bytes], address: Address) -> int:
        """The same for several in their order; how many were sent, from the first on."""
        if self._udp is not None:
            return self._udp.transmit_all(datagrams, address)
        return count_sent(lambda datagram: self.transmit(datagram, address), datagrams)

    def drain(self) -> None:
        """Take in at once what the kernel holds; of a TURN allocation there is nothing."""
        if self._udp is not None:
            self._udp.drain(MAX_DRAINED)

    async def release(self, timeout: float) -> None:
        """Close, and wait for a TURN server no longer than `timeout` seconds."""
        transport: object = self.transport
        if isinstance(transport, TurnTransport):
            await _release_relay(transport, timeout)
        await self.close()


def _relay_is_free(relay: TurnTransport) -> bool:
    inner = relay._TurnTransport__inner_protocol.transport  # type: ignore[attr-defined]  # mangled
    if inner.get_write_buffer_size() > MAX_RELAY_BYTES:
        return False
    waiting = relay._TurnTransport__send_tasks  # type: ignore[attr-defined]  # mangled
    return len(waiting) < MAX_RELAY_SENDS


async def _release_relay(relay: TurnTransport, timeout: float) -> None:
    relay.close()
    deletion = relay._TurnTransport__close_task  # type: ignore[attr-defined]  # mangled
    sends = set(relay._TurnTransport__send_tasks)  # type: ignore[attr-defined]  # mangled
    await asyncio.wait([deletion], timeout=timeout)
    unfinished = {task for task in (deletion, *sends) if not task.done()}
    for task in unfinished:
        task.cancel()
    if unfinished:
        await asyncio.wait(unfinished)
    relay._TurnTransport__inner_protocol.transport.abort()  # type: ignore[attr-defined]  # mangled
