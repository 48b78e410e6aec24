"""Datagrams of one ICE generation: the path they take, and the counters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from peer.transport.adapters.pair_counters import PairCounters
from peer.transport.ice.datagrams import IceDatagrams

if TYPE_CHECKING:
    from peer.transport.adapters.ice_agent import IceAgent

ADDRESS = ("192.0.2.1", 5000)


class Socket:
    """Sends so many datagrams, and then has no more room."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.drained = 0

    def transmit(self, datagram: bytes, address: tuple[str, int]) -> bool:
        assert address == ADDRESS
        self.room -= 1
        return self.room >= 0

    def transmit_all(self, datagrams: Sequence[bytes], address: tuple[str, int]) -> int:
        return sum(self.transmit(datagram, address) for datagram in datagrams)

    def drain(self) -> None:
        self.drained += 1


class Agent:
    """An ICE agent, as far as its datagrams need it."""

    def __init__(self, *, room: int | None) -> None:
        self.sockets = (Socket(room or 0),)
        self.pair_counters = PairCounters()
        self.path = None if room is None else (self.sockets[0], ADDRESS)


def datagrams_of(agent: Agent) -> IceDatagrams:
    return IceDatagrams(cast("IceAgent", agent))


def counted(datagrams: IceDatagrams) -> tuple[int, int, int]:
    return datagrams.packets_sent, datagrams.bytes_sent, datagrams.packets_unsent


def test_datagram_without_path_is_counted_as_unsent() -> None:
    datagrams = datagrams_of(Agent(room=None))
    assert not datagrams.send(b"x")
    assert datagrams.send_all([b"x", b"y"]) == 0
    assert counted(datagrams) == (0, 0, 3)


def test_datagram_that_socket_refuses_is_counted_as_unsent() -> None:
    datagrams = datagrams_of(Agent(room=1))
    assert datagrams.send(b"xy")
    assert not datagrams.send(b"xy")
    assert counted(datagrams) == (1, 2, 1)


def test_datagrams_sent_together_are_counted_up_to_the_refused_one() -> None:
    datagrams = datagrams_of(Agent(room=2))
    assert datagrams.send_all([b"x", b"yy", b"zzz"]) == 2
    assert counted(datagrams) == (2, 3, 1)


def test_drain_reads_every_socket_of_the_agent() -> None:
    agent = Agent(room=1)
    datagrams_of(agent).drain()
    assert agent.sockets[0].drained == 1


def test_repr_of_ice_datagrams_shows_counters() -> None:
    datagrams = datagrams_of(Agent(room=1))
    datagrams.send(b"x")
    assert repr(datagrams) == "<IceDatagrams 1 sent, 0 refused>"
