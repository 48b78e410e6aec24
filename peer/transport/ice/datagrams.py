"""Datagrams of one ICE generation: sent on the path of its agent, passed up, and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.transport.adapters.ice_agent import IceAgent


@dataclass(slots=True)
class IceCounters:
    """Counters of one ICE transport since its beginning.

    Args:
        packets_unsent: Refused by `send`: there was no path, or no room.
        packets_unvalidated: Dropped, as no check has validated their source.
        packets_malformed: STUN messages dropped, as they could not be parsed.
        packets_oversized: Datagrams dropped, as they had 2,048 bytes or more.
        candidates_ignored: Remote candidates of a kind that we cannot use, late, or too many.
    """

    packets_sent: int = 0
    bytes_sent: int = 0
    packets_received: int = 0
    bytes_received: int = 0
    packets_unsent: int = 0
    packets_unvalidated: int = 0
    packets_malformed: int = 0
    packets_oversized: int = 0
    candidates_ignored: int = 0


class IceDatagrams:
    """Sends and receives the datagrams of one ICE generation that are not STUN.

    Args:
        agent: The ICE agent, whose path is used.
        on_datagram: Called with each datagram of a validated source.

    Attributes:
        counters: Packets and bytes in both directions; the drops are counted by the agent.
    """

    def __init__(self, agent: IceAgent, on_datagram: Callable[[bytes], None]) -> None:
        self.counters = IceCounters()
        self._agent = agent
        self._on_datagram = on_datagram
        # Bound here and nowhere else: a socket calls `agent.on_datagram` for every datagram, and
        # `_receive` calls what `IceTransport` was given, so that no event handler of a generation
        # lies in between, and the order in which those are made does not matter.
        agent.on_datagram = self._receive

    def __repr__(self) -> str:
        sent, received = self.counters.packets_sent, self.counters.packets_received
        return f"<IceDatagrams {sent} sent, {received} received>"

    def send(self, datagram: bytes) -> bool:
        """Send a datagram at once to the peer; never raises.

        Returns:
            False if there is no path at the moment, or no room in the socket; that is counted.
        """
        path = self._agent.path
        if path is None or not path[0].transmit(datagram, path[1]):
            self.counters.packets_unsent += 1
            return False
        counters = self.counters
        counters.packets_sent += 1
        counters.bytes_sent += len(datagram)
        return True

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        """Send several datagrams in order; never raises.

        Returns:
            How many were sent, from the first on.
        """
        path = self._agent.path
        sent = 0 if path is None else path[0].transmit_all(datagrams, path[1])
        counters = self.counters
        if sent != len(datagrams):
            counters.packets_unsent += len(datagrams) - sent
            datagrams = datagrams[:sent]
        counters.packets_sent += sent
        counters.bytes_sent += sum(map(len, datagrams))
        return sent

    def drain(self) -> None:
        """Receive at once what has arrived, which closing the sockets would discard."""
        for each in self._agent.sockets:
            each.drain()

    def _receive(self, datagram: bytes) -> None:
        counters = self.counters
        counters.packets_received += 1
        counters.bytes_received += len(datagram)
        self._on_datagram(datagram)
