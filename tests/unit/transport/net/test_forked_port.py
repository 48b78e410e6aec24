"""Shares of one username fragment in a port: the forks of an offer, told apart by their peers."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aioice import stun

from peer.transport.net.one_port import PortShare, port_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from peer.transport.net.one_port import OnePort

PEER, OTHER = ("192.0.2.1", 5000), ("192.0.2.2", 5000)
DATA = b"\x80data"


class Fork:
    """A `UdpEvents` of one fork, which writes everything down."""

    share: PortShare

    def __init__(self, act: Callable[[], None] = lambda: None) -> None:
        self.datagrams: list[bytes] = []
        self.lost = 0
        self._act = act

    def on_udp(self, data: bytes, source: tuple[Any, ...]) -> None:
        self.datagrams.append(data)
        self._act()

    def on_oversized(self) -> None:
        raise AssertionError("the port counts these")

    def error_received(self, error: OSError) -> None:
        raise AssertionError(error)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost += 1


@contextmanager
def offered(act: Callable[[], None] = lambda: None) -> Iterator[tuple[OnePort, Fork]]:
    """A port, and the share that has made an offer with the username fragment `ours`."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    port = port_of(sock, lambda: None)
    first = Fork(act)
    share = port.join("ours", first, receiver=first)
    assert share is not None
    first.share = share
    try:
        yield port, first
    finally:
        port.base.close()


def forked(first: Fork, peer: str | None) -> Fork:
    made = Fork()
    made.share = first.share.branch(made, receiver=made)
    if peer is None:
        made.share.serve_unknown_peers()
    else:
        made.share.serve_peer(peer)
    return made


def check(peer: str) -> bytes:
    """A connectivity check of a peer with that username fragment."""
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"ours:{peer}"
    return bytes(request)


def give(port: OnePort, *datagrams: bytes, source: tuple[str, int] = PEER) -> None:
    for each in datagrams:
        port.on_udp(each, source)
    port.serve()


async def test_check_goes_to_the_fork_of_its_peer_and_to_the_first_where_there_is_none() -> None:
    with offered() as (port, first):
        one, two = forked(first, "one"), forked(first, "two")
        give(port, check("one"), check("two"), check("two"), check("three"))
        assert [len(each.datagrams) for each in (first, one, two)] == [1, 1, 2]


async def test_unknown_peers_go_to_the_share_that_asked_for_them_last() -> None:
    with offered() as (port, first):
        following = forked(first, None)
        first.share.serve_peer("one")
        give(port, check("one"), check("two"))
        assert [len(each.datagrams) for each in (first, following)] == [1, 1]


async def test_data_goes_to_the_fork_that_a_check_has_given_its_source_to() -> None:
    with offered() as (port, first):
        one, two = forked(first, "one"), forked(first, "two")
        one.share.claim(PEER)
        two.share.claim(OTHER)
        give(port, DATA, source=PEER)
        give(port, DATA, DATA, source=OTHER)
        give(port, DATA, source=("192.0.2.3", 1))
        assert [len(each.datagrams) for each in (first, one, two)] == [0, 1, 2]
        assert port.dropped == 1


async def test_answer_goes_to_the_fork_whose_transaction_it_has() -> None:
    with offered() as (port, first):
        one, two = forked(first, "one"), forked(first, "two")
        identifier = bytes(range(12))
        two.share.transactions[identifier] = object()
        give(port, bytes(stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, identifier)))
        assert [len(each.datagrams) for each in (first, one, two)] == [0, 0, 1]


async def test_check_that_waited_while_its_fork_was_made_goes_to_that_fork() -> None:
    made: list[Fork] = []

    def branch() -> None:
        if not made:
            made.append(forked(first, "one"))
            made[0].share.claim(PEER)

    with offered(branch) as (port, first):
        give(port, check("one"), check("one"))
        assert [len(first.datagrams), len(made[0].datagrams)] == [1, 1]
        assert [first.share.contended, port.dropped] == [0, 0]


async def test_check_from_the_source_of_another_fork_is_not_answered() -> None:
    with offered() as (port, first):
        one, two = forked(first, "one"), forked(first, "two")
        one.share.claim(PEER)
        give(port, check("two"))
        assert two.datagrams == []
        assert two.share.contended == 1


async def test_peer_is_served_by_the_fork_that_asked_for_it_last() -> None:
    with offered() as (port, first):
        one, two = forked(first, "one"), forked(first, "one")
        give(port, check("one"))
        assert [len(each.datagrams) for each in (one, two)] == [0, 1]
        assert one.share.fork_of("one") is two.share
        one.share.close()
        assert two.share.fork_of("one") is two.share


async def test_port_stays_open_until_the_last_fork_has_left_and_keeps_nothing_of_it() -> None:
    with offered() as (port, first):
        one = forked(first, "one")
        one.share.claim(PEER)
        first.share.claim(OTHER)
        first.share.close()
        give(port, check("unknown"), source=("192.0.2.3", 1))
        give(port, DATA, source=OTHER)
        assert port.dropped == 2
        give(port, check("one"), DATA)
        assert len(one.datagrams) == 2
        assert one.share.transmit(DATA, ("127.0.0.1", 9))
        one.share.close()
        tables = (port._members, port._shares, port._forks, port._holders, port._former)  # noqa: SLF001 - nobody else sees what it holds
        assert not any(tables)
        assert port.base.is_closing()
        assert not one.share.transmit(DATA, ("127.0.0.1", 9))


async def test_socket_that_goes_by_itself_ends_every_fork() -> None:
    with offered() as (port, first):
        one = forked(first, "one")
        port.on_lost(None)
        assert [first.lost, one.lost] == [1, 1]
        assert one.share.is_closing()
