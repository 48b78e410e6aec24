"""Owns the socket of an ICE agent that is traced."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from peer.transport.adapters.ice_socket import Address, IceSocket
from peer.transport.net.udp import count_sent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aioice import stun

    from peer.transport.adapters.ice import IceAgent
    from peer.transport.tap import Tap


class TracedSocket(IceSocket):
    """Tells of everything that goes in and out, so that a socket that is not traced need not ask.

    Args:
        agent: As of every socket.
        tap: Is told.
    """

    def __init__(self, agent: IceAgent, tap: Tap) -> None:
        super().__init__(agent)
        self._tap = tap

    def on_udp(self, data: bytes, source: tuple[Any, ...]) -> None:
        """Tell before anything that this causes."""
        address = (source[0], source[1])
        self._tap.arrived(data, self._local, address, heard=address in self._sources)
        super().on_udp(data, source)

    def transmit(self, datagram: bytes, address: Address) -> bool:
        """Tell of what was sent."""
        sent = super().transmit(datagram, address)
        if sent:
            self._tap.sent(datagram, self._local, address)
        return sent

    def transmit_all(self, datagrams: Sequence[bytes], address: Address) -> int:
        """Tell of each that was sent."""
        return count_sent(lambda datagram: self.transmit(datagram, address), datagrams)

    def send_stun(self, message: stun.Message, addr: Address) -> None:
        """Tell of what is sent; called by aioice."""
        self._tap.sent_stun(message, self._local, addr)
        super().send_stun(message, addr)

    @cached_property
    def _local(self) -> Address:
        host, port = self.transport.get_extra_info("sockname")[:2]
        return host, port
