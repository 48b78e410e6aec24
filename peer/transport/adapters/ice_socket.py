"""Local UDP socket or TURN allocation of an ICE agent, which tells STUN from data (RFC 7983)."""

from __future__ import annotations

import asyncio
import math
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from aioice import stun
from aioice.ice import Connection, StunProtocol
from aioice.turn import TurnTransport

from peer.transport.adapters.shared_relay import SharedRelay, relay_has_room, release_relay
from peer.transport.net.one_port import OnePort, PortShare, SharedSocket
from peer.transport.net.udp import PromptTransport, UdpTransport, send_until_refused
from peer.transport.wire.stun import parse_stun

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.times import MonotonicTime, Seconds
    from peer.transport.adapters.embedded_attributes import ChecksWithDtls
    from peer.transport.adapters.pair_counters import PairCounters

Address: TypeAlias = tuple[str, int]

#: Source addresses accepted by one socket; the one whose last check is oldest goes first (ours).
MAX_SOURCES = 128
#: Datagrams read by `drain`: as many as a receive buffer holds (ours; the kernel counts its own
#: overhead too).
MAX_DRAINED = 8192


class SocketOwner(Protocol):
    """The ICE agent, as far as its sockets need it.

    Attributes:
        on_datagram: Called with each datagram of an allowed source that is not STUN.
        packets_received: Datagrams given to `on_datagram`.
        bytes_received: Sum of their sizes in bytes.
        unvalidated: Datagrams dropped, as their source is not allowed.
        malformed: STUN messages dropped, as they could not be parsed.
        oversized: Datagrams dropped, as they were too long for the receive buffer.
        checks_refused: Responses with a STUN error.
        with_dtls: Embeds DTLS in checks, where that is asked for.
        pair_counters: Counts the answers to checks.
    """

    on_datagram: Callable[[bytes], object]
    packets_received: int
    bytes_received: int
    unvalidated: int
    malformed: int
    oversized: int
    checks_refused: int
    with_dtls: ChecksWithDtls
    pair_counters: PairCounters

    def request_received(
        self, message: stun.Message, addr: Address, protocol: StunProtocol
    ) -> None:
        """Answer a STUN binding request."""

    def protocol_lost(self, protocol: StunProtocol) -> None:
        """Remove a socket that was closed."""


class IceSocket(StunProtocol):
    """UDP socket or TURN allocation that passes data only from sources that a check has validated.

    Args:
        owner: The ICE agent.

    Attributes:
        preference: Local preference of its host candidate (RFC 8445 section 5.1.2.1).
        on_relay_refusal: Called with the error code and phrase each time that a TURN server
            refuses to relay to an address of the peer (RFC 8656 section 12.2).
        on_stranger: Called with each datagram of a source that is not allowed, its source and this
            socket, where a peer without ICE may be.
        on_request: Takes STUN requests, with source, this socket and size, in the place of the
            owner: the peer has no ICE.
    """

    receiver: SocketOwner  # type: ignore[assignment]  # aioice wants no more of its Connection

    def __init__(self, owner: SocketOwner) -> None:
        super().__init__(cast("Connection", owner))
        self.preference = 65535
        self.on_relay_refusal: Callable[[int, str], None] | None = None
        self.on_stranger: Callable[[bytes, Address, IceSocket], None] | None = None
        self.on_request: Callable[[stun.Message, Address, IceSocket, int], None] | None = None
        self._congested = False
        self._udp: PromptTransport | None = None
        self._share: PortShare | None = None
        # Insertion order is the order of their last check; the oldest goes first.
        self._sources: dict[Address, None] = {}

    def __repr__(self) -> str:
        candidate = getattr(self, "local_candidate", None)
        if candidate is None:
            return f"<{type(self).__name__} without a candidate>"
        base = f"{candidate.type} {candidate.host}:{candidate.port}"
        return f"<{type(self).__name__} {base}, {len(self._sources)} sources>"

    def allow_source(self, source: Address) -> None:
        """Accept data from a remote address from now on: a check has shown it to be the peer's."""
        self._sources.pop(source, None)
        self._sources[source] = None
        if self._udp is not None:
            self._udp.claim(source)
        if len(self._sources) > MAX_SOURCES:
            oldest = next(iter(self._sources))
            del self._sources[oldest]
            if self._udp is not None:
                self._udp.release(oldest)

    def refuse_source(self, source: Address) -> None:
        """Accept no more data from a remote address."""
        self._sources.pop(source, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a bound socket or a TURN allocation; called by its creator."""
        super().connection_made(transport)
        self._udp = transport if isinstance(transport, PromptTransport) else None
        if isinstance(transport, PortShare):
            self._share = transport
            # aioice enters its transactions here, by which the port knows an answer.
            self.transactions = transport.transactions

    def branch(self, other: IceSocket, *, fragment: str) -> bool:
        """Let the socket of a fork share this one's port, or its TURN allocation.

        Args:
            other: The socket of the fork, not yet bound.
            fragment: Our username fragment, which both have.

        Returns:
            Whether that is possible: not over TCP, nor where the event loop cannot watch sockets.
        """
        if self._share is None and not self._share_port(fragment):
            return False
        assert self._share is not None
        other.preference = self.preference
        other.local_candidate = self.local_candidate
        receiver = other.receiver.on_datagram
        other.connection_made(self._share.branch(other, receiver=receiver))
        return True

    def _share_port(self, fragment: str) -> bool:
        """Become the first share of the port, with all that is known of its sources."""
        transport: object = self.transport
        if isinstance(transport, UdpTransport) and not transport.is_closing():
            read_at, socket = transport.read_at, transport.detach()
            port = OnePort(partial(SharedSocket, socket), lambda: None)
            port.base.read_at = read_at
        elif isinstance(transport, TurnTransport):
            port = OnePort(partial(SharedRelay, transport), lambda: None)
        else:
            return False
        pending = self.transactions
        share = port.join(fragment, self, receiver=self.receiver.on_datagram)
        assert share is not None
        self.connection_made(share)
        for identifier, transaction in pending.items():
            self.transactions[identifier] = transaction
        for source in self._sources:
            share.claim(source)
        return True

    def pass_to_fork(self, check: stun.Message, source: Address) -> None:
        """Give a check of a peer to the fork that serves it, or drop it where there is none."""
        fragment = check.attributes["USERNAME"].partition(":")[2]
        share = None if self._share is None else self._share.fork_of(fragment)
        if share is not None and isinstance(other := share.events, IceSocket) and other is not self:
            other.receiver.request_received(check, source, other)

    @property
    def share(self) -> PortShare | None:
        """The share of a port that this socket is; None where the port is its own."""
        return self._share

    @property
    def contended(self) -> int:
        """Checks and answers dropped, as another connection on our port has their source."""
        return 0 if self._share is None else self._share.contended

    @property
    def read_at(self) -> MonotonicTime | None:
        """The time of the last wake-up with a datagram; None before one, and for a relay."""
        return None if self._udp is None else self._udp.read_at

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """Take a datagram from a TURN allocation; called by aioice."""
        assert isinstance(data, bytes)
        self.on_udp(data, addr)

    def on_udp(self, data: bytes, source: tuple[Any, ...]) -> None:
        """Pass STUN to the agent, and data of allowed sources to `on_datagram`."""
        # An address of IPv6 has four parts.
        address = source if len(source) == 2 else source[:2]
        # RFC 7983 section 7: a first byte from 0 to 3 is STUN.
        if data < b"\x04":
            self._stun_received(data, address)
        elif address in self._sources:
            owner = self.receiver
            owner.packets_received += 1
            owner.bytes_received += len(data)
            owner.on_datagram(data)
        else:
            self.receiver.unvalidated += 1
            if self.on_stranger is not None and data:
                self.on_stranger(data, address, self)

    def on_stream_lost(self, source: Address) -> None:
        """Accept no data from an address whose TCP connection has ended; called by `TcpStreams`."""
        self._sources.pop(source, None)

    def on_oversized(self) -> None:
        """Count a datagram that was too long; called by `UdpTransport`."""
        self.receiver.oversized += 1

    def _stun_received(self, data: bytes, source: Address) -> None:
        message = parse_stun(data)
        if message is None:
            self.receiver.malformed += 1
            return
        match message.message_class:
            case stun.Class.REQUEST if self.on_request is not None:
                self.on_request(message, source, self, len(data))
            case stun.Class.REQUEST:
                self.receiver.request_received(message, source, self)
            case stun.Class.RESPONSE | stun.Class.ERROR:
                transaction = self.transactions.get(message.transaction_id)
                if transaction is not None:
                    self.receiver.with_dtls.take_from_answer(message)
                    self.receiver.checks_refused += message.message_class is stun.Class.ERROR
                    transaction.response_received(message, source)
            case stun.Class.INDICATION:
                # RFC 8445 section 11: a keepalive, to which nothing is due.
                pass

    def send_stun(self, message: stun.Message, addr: Address) -> None:
        """Send a STUN message; called by aioice."""
        self.receiver.with_dtls.add_to_answer(message)
        super().send_stun(message, addr)

    async def request(
        self,
        request: stun.Message,
        addr: Address,
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> tuple[stun.Message, Address]:
        """Run a STUN transaction, and tell the agent how it ends.

        Raises:
            TransactionError: There was no answer, or an error.
        """
        answered = False
        try:
            answer = await super().request(request, addr, integrity_key, retransmissions)
            answered = True
        except stun.TransactionError as error:
            answered = error.response is not None
            raise
        finally:
            self.receiver.pair_counters.on_transaction_end(
                request.transaction_id, answered=answered
            )
        return answer

    def error_received(self, exc: Exception) -> None:
        """Report a refusal of a TURN server; other errors of a send are as good as a loss."""
        super().error_received(exc)
        if self.on_relay_refusal is not None and (refusal := refusal_of(exc)) is not None:
            self.on_relay_refusal(*refusal)

    def pause_writing(self) -> None:
        """Refuse datagrams, as the send buffer is full; called by asyncio."""
        self._congested = True

    def resume_writing(self) -> None:
        """Send again, as the send buffer has room; called by asyncio."""
        self._congested = False

    def transmit(self, datagram: bytes, address: Address) -> bool:
        """Send a datagram at once; return False, and send nothing, where it would have to wait."""
        if self._udp is not None:
            return self._udp.transmit(datagram, address)
        transport: object = self.transport
        if isinstance(transport, TurnTransport):
            if not relay_has_room(transport):
                return False
        elif self._congested or self.transport.is_closing():
            return False
        self.transport.sendto(datagram, address)
        return True

    def transmit_all(self, datagrams: Sequence[bytes], address: Address) -> int:
        """Send several datagrams in order; return how many were sent, from the first on."""
        if self._udp is not None:
            return self._udp.transmit_all(datagrams, address)
        return send_until_refused(lambda datagram: self.transmit(datagram, address), datagrams)

    def drain(self) -> None:
        """Process at once the datagrams that the kernel holds; a TURN allocation has none."""
        if self._udp is not None:
            self._udp.drain(MAX_DRAINED, math.inf)

    async def release(self, timeout: Seconds) -> None:
        """Close the socket, and wait for a TURN server no longer than `timeout` seconds."""
        transport: object = self.transport
        if isinstance(transport, TurnTransport):
            await release_relay(transport, timeout)
        await self.close()
        if self._share is not None:
            await self._share.released(timeout)


def refusal_of(error: Exception) -> tuple[int, str] | None:
    """Return error code and phrase, where a STUN or TURN server answered with an error."""
    if not isinstance(error, stun.TransactionFailed):
        return None
    refusal: tuple[int, str] | None = error.response.attributes.get("ERROR-CODE")
    return refusal
