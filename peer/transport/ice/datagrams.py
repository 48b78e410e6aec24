"""Datagrams of one ICE generation: sent on the path of its agent, and counted."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from peer.transport.adapters.pair_counters import Traffic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.times import Seconds
    from peer.transport.adapters.ice_agent import IceAgent


@dataclass(slots=True)
class IceCounters:
    """Counters of one ICE transport since its beginning.

    Args:
        pair_changes: Times that another pair was selected, the first one included.
        packets_unsent: Refused by `send`: there was no path, or no room.
        packets_unvalidated: Dropped, as no check has validated their source.
        packets_malformed: STUN messages dropped, as they could not be parsed.
        packets_oversized: Datagrams dropped, as they had 2,048 bytes or more.
        candidates_ignored: Remote candidates of a kind that we cannot use, late, or too many.
        candidates_refused: Remote candidates that the filter refused.
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
    candidates_refused: int = 0
    pair_changes: int = 0


def total(*counters: IceCounters) -> IceCounters:
    """Return the sums of counters."""
    return IceCounters(*map(sum, zip(*map(astuple, counters), strict=True)))


class IceDatagrams:
    """Sends the datagrams of one ICE generation on the path of its agent, and counts them.

    Those of the peer go from a socket to its receiver directly.

    Args:
        agent: The ICE agent.

    Attributes:
        packets_sent: Datagrams sent.
        bytes_sent: Sum of their sizes in bytes.
        packets_unsent: Datagrams refused: there was no path, or no room.
    """

    def __init__(self, agent: IceAgent) -> None:
        self.packets_sent = 0
        self.bytes_sent = 0
        self.packets_unsent = 0
        self._agent = agent
        agent.pair_counters.traffic = self.traffic

    def __repr__(self) -> str:
        return f"<IceDatagrams {self.packets_sent} sent, {self.packets_unsent} refused>"

    @property
    def has_path(self) -> bool:
        """True where there is an address to send to: a check of either side has shown it."""
        return self._agent.path is not None

    @property
    def round_trip_time(self) -> Seconds | None:
        """Last round trip of a check of the selected pair, in seconds; None before one."""
        pair = self._agent.best_pair()
        return None if pair is None else self._agent.pair_counters.of(pair).round_trip

    def send(self, datagram: bytes) -> bool:
        """Send a datagram at once to the peer; never raises.

        Returns:
            False if there is no path at the moment, or no room in the socket; that is counted.
        """
        path = self._agent.path
        if path is None or not path[0].transmit(datagram, path[1]):
            self.packets_unsent += 1
            return False
        self.packets_sent += 1
        self.bytes_sent += len(datagram)
        return True

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        """Send several datagrams in order; never raises.

        Returns:
            How many were sent, from the first on.
        """
        path = self._agent.path
        sent = 0 if path is None else path[0].transmit_all(datagrams, path[1])
        if sent != len(datagrams):
            self.packets_unsent += len(datagrams) - sent
            datagrams = datagrams[:sent]
        self.packets_sent += sent
        self.bytes_sent += sum(map(len, datagrams))
        return sent

    def traffic(self) -> Traffic:
        """Return what was sent and received so far."""
        agent = self._agent
        return Traffic(
            self.packets_sent,
            self.bytes_sent,
            agent.packets_received,
            agent.bytes_received,
            self.packets_unsent,
        )

    def drain(self) -> None:
        """Receive at once what has arrived, which closing the sockets would discard."""
        for each in self._agent.sockets:
            each.drain()
