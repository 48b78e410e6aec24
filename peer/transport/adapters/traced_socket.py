"""Socket of a traced ICE agent: reports each datagram to a tap."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from peer.transport.adapters.ice_socket import Address, IceSocket, SocketOwner
from peer.transport.net.udp import send_until_refused
from peer.transport.wire.dtls_records import ContentType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aioice import stun


#: First octet of a DTLS handshake record (RFC 7983 section 7).
_HANDSHAKE = bytes([ContentType.HANDSHAKE])


class SocketTap(Protocol):
    """The trace of one transport, as far as its sockets need it."""

    def arrived(
        self, data: bytes, *, local: Address, remote: Address, source_validated: bool
    ) -> None:
        """Report a received datagram, and whether an ICE check has validated its source."""

    def sent(self, data: bytes, *, local: Address, remote: Address) -> None:
        """Report a sent datagram that is not STUN."""

    def sent_stun(self, message: stun.Message, *, local: Address, remote: Address) -> None:
        """Report a sent STUN message."""


class TracedSocket(IceSocket):
    """Reports each datagram in and out, so that a socket that is not traced has no branch for it.

    Args:
        owner: The ICE agent.
        tap: Told of each datagram.
    """

    def __init__(self, owner: SocketOwner, tap: SocketTap) -> None:
        super().__init__(owner)
        self._tap = tap

    def on_udp(self, data: bytes, source: tuple[Any, ...]) -> None:
        """Report a received datagram before anything that it causes."""
        address = (source[0], source[1])
        self._tap.arrived(
            data,
            local=self._local,
            remote=address,
            # Without ICE a handshake is how a source is validated.
            source_validated=address in self._sources
            or (self.on_request is not None and data[:1] == _HANDSHAKE),
        )
        super().on_udp(data, source)

    def transmit(self, datagram: bytes, address: Address) -> bool:
        """Send a datagram, and report it if it was sent."""
        sent = super().transmit(datagram, address)
        if sent:
            self._tap.sent(datagram, local=self._local, remote=address)
        return sent

    def transmit_all(self, datagrams: Sequence[bytes], address: Address) -> int:
        """Send several datagrams one by one, and report each that was sent."""
        return send_until_refused(lambda datagram: self.transmit(datagram, address), datagrams)

    def send_stun(self, message: stun.Message, addr: Address) -> None:
        """Send a STUN message and report it; called by aioice."""
        super().send_stun(message, addr)
        self._tap.sent_stun(message, local=self._local, remote=addr)

    @cached_property
    def _local(self) -> Address:
        host, port = self.transport.get_extra_info("sockname")[:2]
        return host, port
