"""One UDP port of several ICE generations: whose a datagram is, turns, and the end of entries."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aioice import stun

from peer.transport.net.one_port import (
    HOLD,
    MAX_READ_PER_TURN,
    MAX_WAITING,
    SHARED_PORTS,
    OnePort,
    PortShare,
    port_of,
)
from peer.transport.net.udp import MAX_PER_TURN
from tests.support.clock.virtual_time import in_virtual_time

PEER, OTHER = ("192.0.2.1", 5000), ("192.0.2.2", 5000)
DATA = b"\x80data"


class Generation:
    """A `UdpEvents` of one ICE generation, which writes everything down."""

    def __init__(self, port: OnePort, fragment: str, receiver: object = None) -> None:
        self.datagrams: list[bytes] = []
        self.lost = 0
        share = port.join(fragment, self, receiver=receiver or self)
        assert share is not None
        self.share: PortShare = share

    def on_udp(self, data: bytes, source: tuple[Any, ...]) -> None:
        self.datagrams.append(data)

    def on_oversized(self) -> None:
        raise AssertionError("the port counts these")

    def error_received(self, error: OSError) -> None:
        raise AssertionError(error)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost += 1


def bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


@contextmanager
def open_port() -> Iterator[OnePort]:
    """A port that nothing is sent to, but what a test gives it."""
    port = port_of(bound(), lambda: None)
    try:
        yield port
    finally:
        port.base.close()


def give(port: OnePort, data: bytes, source: tuple[Any, ...] = PEER, *, times: int = 1) -> None:
    for _ in range(times):
        port.on_udp(data, source)
    port.serve()


def check(fragment: str) -> bytes:
    """A connectivity check for the generation with that username fragment."""
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["PRIORITY"] = 1
    request.attributes["USERNAME"] = f"{fragment}:theirs"
    request.add_message_integrity(b"key")
    return bytes(request)


def answer(transaction: bytes) -> bytes:
    return bytes(stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction))


def tables(port: OnePort) -> list[dict[Any, Any]]:
    return [port._shares, port._holders, port._former, port.transactions]  # noqa: SLF001 - nobody else sees what it holds


async def test_check_goes_to_the_generation_that_its_username_names() -> None:
    with open_port() as port:
        one, two = Generation(port, "one+"), Generation(port, "two/")
        give(port, check("two/"))
        give(port, check("one+"))
        give(port, check("one+"), OTHER)
        assert [len(one.datagrams), len(two.datagrams)] == [2, 1]


async def test_data_goes_to_the_generation_that_a_check_has_given_its_source_to() -> None:
    with open_port() as port:
        one, two = Generation(port, "one+"), Generation(port, "two/")
        one.share.claim(PEER)
        two.share.claim(OTHER)
        two.share.claim(("2001:db8::1", 7))
        give(port, DATA)
        give(port, b"\x16dtls", OTHER)
        give(port, b"\x81six", ("2001:db8::1", 7, 0, 3))
        assert (one.datagrams, two.datagrams) == ([DATA], [b"\x16dtls", b"\x81six"])


STRAY = {
    "data of an unknown source": DATA,
    "nothing": b"",
    "a check for nobody": check("none"),
    "a check whose username is another with the same beginning": check("one+more"),
    "an answer to no check of ours": answer(bytes(12)),
    "a binding request without username": bytes(stun.Message(stun.Method.BINDING, stun.Class(0))),
    "a keepalive": bytes(stun.Message(stun.Method.BINDING, stun.Class.INDICATION)),
    "half a header": check("one+")[:10],
    "no magic cookie": check("one+")[:4] + bytes(4) + check("one+")[8:],
    "a header alone": check("one+")[:20],
}


@pytest.mark.parametrize("datagram", STRAY.values(), ids=STRAY.keys())
async def test_stray_datagram_on_a_shared_port_is_counted_and_not_answered(datagram: bytes) -> None:
    with open_port() as port, bound() as stranger:
        one = Generation(port, "one+")
        stranger.settimeout(0)
        give(port, datagram, stranger.getsockname())
        with pytest.raises(BlockingIOError):
            stranger.recv(99)
        assert (one.datagrams, port.dropped) == ([], 1)


async def test_answer_goes_to_the_generation_that_asked_wherever_it_comes_from() -> None:
    with open_port() as port:
        one, two = Generation(port, "one+"), Generation(port, "two/")
        first, second = bytes(11) + b"1", bytes(11) + b"2"
        one.share.transactions[first] = two.share.transactions[second] = "transaction"
        give(port, answer(second))
        give(port, answer(first), OTHER)
        assert (one.datagrams, two.datagrams) == ([answer(first)], [answer(second)])
        del one.share.transactions[first]
        two.share.transactions.pop(second, None)
        two.share.transactions.pop(second, None)
        give(port, answer(first))
        assert port.dropped == 1
        assert port.transactions == {}


@in_virtual_time
async def test_address_moves_to_another_connection_only_after_the_peer_there_fell_silent() -> None:
    with open_port() as port:
        one, two = Generation(port, "one+"), Generation(port, "two/")
        one.share.claim(PEER)
        await asyncio.sleep(HOLD - 1)
        # Not even answered, so that ICE does not take the path for its own.
        two.share.transactions[b"2" * 12] = "transaction"
        give(port, check("two/"))
        give(port, answer(b"2" * 12))
        give(port, DATA)
        assert (one.datagrams, two.datagrams) == ([DATA], [])
        assert (two.share.contended, port.dropped) == (2, 2)

        await asyncio.sleep(1)
        give(port, check("two/"))
        give(port, DATA)
        # Asked for, and not moved yet: the check may be forged.
        assert one.datagrams == [DATA, DATA]
        two.share.claim(PEER)
        give(port, DATA)
        give(port, check("one+"))
        assert (one.datagrams, two.datagrams[1:]) == ([DATA, DATA], [DATA])
        assert one.share.contended == 1


@in_virtual_time
async def test_answers_to_our_checks_keep_an_address_as_the_peers_checks_do() -> None:
    with open_port() as port:
        one, two = Generation(port, "one+"), Generation(port, "two/")
        one.share.transactions[b"1" * 12] = "transaction"
        one.share.claim(PEER)
        await asyncio.sleep(HOLD - 1)
        give(port, answer(b"1" * 12))
        await asyncio.sleep(HOLD - 1)
        give(port, check("two/"))
        assert two.datagrams == []
        await asyncio.sleep(1)
        give(port, check("two/"))
        assert len(two.datagrams) == 1


async def test_generations_of_one_transport_take_an_address_over_at_once() -> None:
    with open_port() as port:
        before = Generation(port, "one+", "transport")
        after = Generation(port, "two/", "transport")
        before.share.claim(PEER)
        give(port, check("two/"))
        after.share.claim(PEER)
        give(port, DATA)
        assert (before.datagrams, len(after.datagrams)) == ([], 2)
        # The restart is rolled back.
        after.share.close()
        give(port, DATA)
        assert before.datagrams == [DATA]


async def test_address_returns_to_the_latest_of_those_that_had_it() -> None:
    with open_port() as port:
        one, two, three = (Generation(port, name, "transport") for name in ("one+", "two/", "3333"))
        for each in (one, two, three, two, three):
            each.share.claim(PEER)
        two.share.release(PEER)
        two.share.release(PEER)
        three.share.close()
        give(port, DATA)
        assert one.datagrams == [DATA]
        one.share.close()
        assert two.share.sources == {}
        give(port, DATA)
        assert port.dropped == 1


async def test_entries_of_a_shared_port_go_with_their_connection() -> None:
    with open_port() as port:
        one, two = Generation(port, "one+"), Generation(port, "two/")
        for number, each in enumerate([one, two, one]):
            each.share.claim(PEER)
            each.share.claim(("192.0.2.3", number))
            each.share.transactions[bytes([number]) * 12] = "transaction"
        give(port, DATA, times=MAX_PER_TURN + 9)
        for each in (one, two):
            each.share.close()
            each.share.close()
            each.share.claim(PEER)
            each.share.release(PEER)
            each.share.drain(1)
            assert not each.share.transmit(DATA, PEER)
            assert each.share.transmit_all([DATA], PEER) == 0
        await asyncio.sleep(0)
        assert tables(port) == [{}, {}, {}, {}]
        assert [one.lost, two.lost] == [1, 1]
        assert len(one.datagrams) == MAX_PER_TURN


async def test_no_two_generations_have_one_username_fragment_on_a_port() -> None:
    with open_port() as port:
        one = Generation(port, "one+")
        assert port.join("one+", one, receiver=one) is None
        one.share.close()
        Generation(port, "one+")


async def test_flood_on_one_connection_leaves_the_others_their_turns() -> None:
    with open_port() as port:
        flooded, calm = Generation(port, "one+"), Generation(port, "two/")
        flooded.share.claim(PEER)
        calm.share.claim(OTHER)
        for _ in range(MAX_WAITING + 100):
            port.on_udp(DATA, PEER)
        for _ in range(9):
            port.on_udp(DATA, OTHER)
        port.serve()
        assert len(calm.datagrams) == 9
        assert len(flooded.datagrams) == MAX_PER_TURN - 9
        assert (flooded.share.overflowed, calm.share.overflowed) == (100, 0)
        # Other callbacks have their turn between.
        for turn in range(1, 4):
            await asyncio.sleep(0)
            assert len(flooded.datagrams) <= MAX_PER_TURN * (turn + 1)
        for _ in range(MAX_WAITING // MAX_PER_TURN):
            await asyncio.sleep(0)
        assert len(flooded.datagrams) == MAX_WAITING


async def test_what_waits_for_a_generation_is_handed_over_before_it_closes() -> None:
    with open_port() as port:
        one, two = Generation(port, "one+"), Generation(port, "two/")
        one.share.claim(PEER)
        two.share.claim(OTHER)
        for _ in range(200):
            port.on_udp(DATA, PEER)
            port.on_udp(DATA, OTHER)
        one.share.drain(8192)
        assert len(one.datagrams) == 200
        assert len(two.datagrams) < MAX_PER_TURN
        for _ in range(200):
            await asyncio.sleep(0)
        assert len(two.datagrams) == 200


async def test_generation_whose_handler_raises_holds_up_no_other() -> None:
    with open_port() as port:
        one, two = Generation(port, "one+"), Generation(port, "two/")
        one.share.claim(PEER)
        two.share.claim(OTHER)
        one.share.events = None  # type: ignore[assignment]  # anything that raises
        port.on_udp(DATA, PEER)
        port.on_udp(DATA, OTHER)
        with pytest.raises(AttributeError):
            port.serve()
        await asyncio.sleep(0)
        assert two.datagrams == [DATA]


async def test_port_is_bound_once_and_free_again_with_its_last_share() -> None:
    binds = 0

    def bind() -> socket.socket:
        nonlocal binds
        binds += 1
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(address)
        return sock

    with bound() as free:
        address = free.getsockname()
    for attempt in (1, 2):
        port = SHARED_PORTS.at(address, bind)
        assert SHARED_PORTS.at(address, bind) is port
        one, two = Generation(port, "one+"), Generation(port, "two/")
        with bound() as peer:
            one.share.claim(peer.getsockname())
            peer.sendto(DATA, address)
            peer.sendto(bytes(9000), address)
            # The loopback delivers at once.
            port.base.drain(MAX_READ_PER_TURN)
            assert (one.datagrams, port.dropped) == ([DATA], 1)
            assert one.share.read_at is not None
            assert two.share.read_at is None
            two.share.transmit_all([b"a", b"b"], peer.getsockname())
            assert two.share.get_extra_info("sockname") == peer.recvfrom(9)[1] == address
        one.share.close()
        assert two.share.transmit(DATA, OTHER)
        two.share.close()
        # At once, for a connection that is made in the same turn.
        assert binds == attempt
    assert len(SHARED_PORTS) == 0
