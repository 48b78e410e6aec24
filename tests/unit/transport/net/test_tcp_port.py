"""TCP of ICE generations: dialled and accepted streams, their bounds, turns and end."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aioice import stun

from peer.transport.net.segmentation import MAX_DATAGRAM_SIZE
from peer.transport.net.tcp_port import (
    MAX_ANONYMOUS,
    MAX_STREAMS,
    SHARED_LISTENERS,
    TcpDialer,
    TcpListener,
    TcpShare,
    listening,
    own_listener,
)
from peer.transport.net.tcp_stream import VALIDATION_TIMEOUT
from peer.transport.net.udp import MAX_PER_TURN
from peer.transport.wire.framing import framed
from tests.support.clock.deadline import DEADLINE
from tests.support.clock.virtual_time import in_virtual_time

LOOPBACK = ("127.0.0.1", 0)
DATA = b"\x80data"


def check(fragment: str) -> bytes:
    """A connectivity check for the generation with that username fragment."""
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{fragment}:theirs"
    return bytes(request)


CHECK = check("ours")


class Events:
    """A `TcpEvents` that writes everything down."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []
        self.sources: list[tuple[Any, ...]] = []
        self.lost: list[tuple[str, int]] = []
        self.oversized = 0
        self.closed = 0
        self._changed = asyncio.Event()

    def on_udp(self, data: bytes, source: tuple[Any, ...]) -> None:
        self.datagrams.append(data)
        self.sources.append(source)
        self._changed.set()

    def on_oversized(self) -> None:
        self.oversized += 1

    def on_stream_lost(self, source: tuple[str, int]) -> None:
        self.lost.append(source)
        self._changed.set()

    def error_received(self, error: OSError) -> None:
        raise AssertionError(error)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed += 1

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@contextmanager
def passive() -> Iterator[tuple[TcpListener, TcpShare, Events]]:
    """A listener with one generation, whose username fragment is `ours`."""
    listener = own_listener(listening(socket.AF_INET, lambda sock: sock.bind(LOOPBACK)))
    events = Events()
    share = listener.join("ours", events)
    assert share is not None
    try:
        yield listener, share, events
    finally:
        share.close()


@contextmanager
def active() -> Iterator[tuple[TcpDialer, Events]]:
    events = Events()
    dialer = TcpDialer(socket.AF_INET, LOOPBACK, events)
    try:
        yield dialer, events
    finally:
        dialer.close()


@contextmanager
def plain(listener: TcpListener, *datagrams: bytes) -> Iterator[socket.socket]:
    """A TCP connection by hand, with frames sent on it."""
    with socket.create_connection(listener.sockname) as sock:
        sock.sendall(b"".join(map(framed, datagrams)))
        sock.setblocking(False)
        yield sock


async def turns(count: int = 50) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def is_closed(sock: socket.socket) -> bool:
    try:
        return sock.recv(99) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


async def test_datagrams_go_both_ways_on_a_dialled_tcp_connection() -> None:
    with passive() as (listener, share, here), active() as (dialer, there):
        assert dialer.transmit(CHECK, listener.sockname)
        await here.until(lambda: here.datagrams == [CHECK])
        (source,) = here.sources
        share.claim(source)
        assert share.transmit_all([DATA, b"x" * 1200, b"y"], source) == 3
        await there.until(lambda: len(there.datagrams) == 3)
        assert there.datagrams == [DATA, b"x" * 1200, b"y"]
        assert there.sources == [listener.sockname] * 3
        assert dialer.transmit(DATA, listener.sockname)
        await here.until(lambda: here.datagrams == [CHECK, DATA])
        assert share.read_at is not None
        share.close()
        await there.until(lambda: there.lost == [listener.sockname])
        assert not share.transmit(DATA, source)


async def test_only_a_check_makes_a_tcp_connection() -> None:
    with passive() as (listener, _, _), active() as (dialer, _):
        assert not dialer.transmit(DATA, listener.sockname)
        assert dialer.streams == {}


async def test_tcp_connection_that_is_refused_is_made_anew_with_the_next_check() -> None:
    with active() as (dialer, events):
        with socket.socket() as free:
            free.bind(LOOPBACK)
            address = free.getsockname()
        dialer.transmit(CHECK, address)
        await events.until(lambda: events.lost == [address])
        with socket.create_server(address) as server:
            dialer.transmit(CHECK, address)
            loop = asyncio.get_running_loop()
            server.setblocking(False)
            sock, _ = await loop.sock_accept(server)
            with sock:
                assert await loop.sock_recv(sock, 999) == framed(CHECK)


STRAY = {
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
    "data": framed(DATA),
    "a check for nobody": framed(check("none")),
    "an answer": framed(bytes(stun.Message(stun.Method.BINDING, stun.Class.RESPONSE))),
    "a frame that is too long": framed(bytes(9000)),
}


@pytest.mark.parametrize("sent", STRAY.values(), ids=STRAY.keys())
async def test_tcp_connection_whose_first_frame_is_nobodys_check_is_closed(sent: bytes) -> None:
    with passive() as (listener, share, events), plain(listener) as sock:
        sock.sendall(sent)
        await turns()
        assert is_closed(sock)
        assert (events.datagrams, share.streams, listener.dropped) == ([], {}, 1)


@in_virtual_time
async def test_tcp_connection_that_no_check_authenticates_is_closed_in_time() -> None:
    with (
        passive() as (listener, share, events),
        plain(listener) as silent,
        plain(listener, CHECK) as forger,
        plain(listener, CHECK) as peer,
    ):
        await turns()
        share.claim(peer.getsockname())
        await asyncio.sleep(VALIDATION_TIMEOUT - 0.1)
        assert (is_closed(silent), is_closed(forger), is_closed(peer)) == (False,) * 3
        await asyncio.sleep(0.2)
        assert (is_closed(silent), is_closed(forger), is_closed(peer)) == (True, True, False)
        assert (list(share.streams), events.lost) == (
            [peer.getsockname()],
            [forger.getsockname()],
        )


async def test_tcp_connections_that_say_nothing_are_bounded_and_the_oldest_goes() -> None:
    with passive() as (listener, _, _):
        socks = []
        for _ in range(MAX_ANONYMOUS + 2):
            socks.append(socket.create_connection(listener.sockname))
            socks[-1].setblocking(False)
            await turns(3)
        try:
            assert [is_closed(each) for each in socks] == [True] * 2 + [False] * MAX_ANONYMOUS
            assert listener.dropped == 2
        finally:
            for each in socks:
                each.close()


async def test_tcp_connections_of_a_generation_are_bounded_and_authenticated_ones_stay() -> None:
    with passive() as (listener, share, events):
        socks: list[socket.socket] = []
        try:
            for number in range(MAX_STREAMS + 2):
                socks.append(socket.create_connection(listener.sockname))
                socks[-1].sendall(framed(CHECK))
                socks[-1].setblocking(False)
                await events.until(lambda: len(events.datagrams) > number)  # noqa: B023 - at once
                if number != 1:
                    share.claim(socks[-1].getsockname())
                if number == MAX_STREAMS:
                    # The second was never authenticated.
                    closed = [number for number, each in enumerate(socks) if is_closed(each)]
                    assert closed == [1]
                    break
            socks.append(socket.create_connection(listener.sockname))
            socks[-1].sendall(framed(CHECK))
            socks[-1].setblocking(False)
            await turns()
            assert is_closed(socks[-1])
            assert len(share.streams) == MAX_STREAMS
        finally:
            for each in socks:
                each.close()


async def test_tcp_stream_leaves_other_callbacks_their_turn() -> None:
    count = 3 * MAX_PER_TURN
    with passive() as (listener, _, events), plain(listener, CHECK, *[DATA] * count):
        seen = [0]
        async with asyncio.timeout(DEADLINE):
            while seen[-1] < count + 1:
                await asyncio.sleep(0)
                seen.append(len(events.datagrams))
        assert max(b - a for a, b in itertools.pairwise(seen)) <= MAX_PER_TURN
        assert events.datagrams[1:] == [DATA] * count


async def test_peer_that_does_not_read_gets_whole_frames_or_none() -> None:
    with passive() as (listener, share, events), plain(listener, CHECK) as sock:
        await events.until(lambda: bool(events.datagrams))
        source = sock.getsockname()
        sent = 0
        while share.transmit(sent.to_bytes(4) + bytes(1200), source):
            sent += 1
            assert sent < 100_000
        # Nothing waits in our memory, but the rest of one frame.
        assert not share.transmit(DATA, source)
        stream = b""
        loop = asyncio.get_running_loop()
        while len(stream) < sent * 1206:
            stream += await asyncio.wait_for(loop.sock_recv(sock, 1 << 20), DEADLINE)
        assert [stream[at + 2 : at + 6] for at in range(0, len(stream), 1206)] == [
            number.to_bytes(4) for number in range(sent)
        ]
        await turns()
        assert share.transmit(DATA, source)
        assert await loop.sock_recv(sock, 99) == framed(DATA)


async def test_frame_that_was_half_taken_is_sent_whole_before_the_next() -> None:
    class Half:
        """A socket that takes seven bytes at first."""

        def __init__(self, real: socket.socket) -> None:
            self.real = real
            self.calls = 0

        def send(self, data: bytes) -> int:
            self.calls += 1
            return self.real.send(data[:7] if self.calls == 1 else data)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

    with passive() as (listener, share, events), plain(listener, CHECK) as sock:
        await events.until(lambda: bool(events.datagrams))
        source = sock.getsockname()
        (stream,) = share.streams.values()
        stream._socket = Half(stream._socket)  # type: ignore[assignment]  # noqa: SLF001 - no other way to a full buffer
        assert share.transmit(b"first of all", source)
        assert not share.transmit(DATA, source)
        await turns(3)
        assert share.transmit(DATA, source)
        await turns(3)
        assert sock.recv(99) == framed(b"first of all") + framed(DATA)


async def test_empty_and_oversized_frames_do_no_harm() -> None:
    sent = (CHECK, b"", bytes(MAX_DATAGRAM_SIZE), DATA)
    with passive() as (listener, _, events), plain(listener, *sent):
        await events.until(lambda: len(events.datagrams) == 2)
        assert (events.datagrams, events.oversized) == ([CHECK, DATA], 1)


async def test_generations_share_a_tcp_port_which_is_free_with_the_last() -> None:
    with socket.socket() as free:
        free.bind(LOOPBACK)
        address = free.getsockname()

    def bind() -> socket.socket:
        return listening(socket.AF_INET, lambda sock: sock.bind(address))

    async def use_once() -> None:
        listener = SHARED_LISTENERS.at(address, bind)
        assert SHARED_LISTENERS.at(address, bind) is listener
        one, two = Events(), Events()
        first, second = listener.join("one+", one), listener.join("two/", two)
        assert first is not None
        assert second is not None
        assert listener.join("two/", two) is None
        with (
            plain(listener, check("two/")),
            plain(listener, check("one+"), DATA),
            plain(listener) as idle,
        ):
            await one.until(lambda: one.datagrams[1:] == [DATA])
            await two.until(lambda: len(two.datagrams) == 1)
            first.close()
            first.close()
            second.close()
            await turns(2)
            assert is_closed(idle)
        assert (one.closed, two.closed) == (1, 1)

    await use_once()
    await use_once()
    assert len(SHARED_LISTENERS) == 0


@in_virtual_time
async def test_process_without_descriptors_accepts_again_after_a_moment() -> None:
    class Exhausted:
        """A listening socket that accepts nothing at first."""

        def __init__(self, real: socket.socket) -> None:
            self.real = real
            self.tries = 0

        def accept(self) -> Any:
            self.tries += 1
            if self.tries == 1:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return self.real.accept()

        def fileno(self) -> int:
            return self.real.fileno()

        def close(self) -> None:
            self.real.close()

    with passive() as (listener, _, events):
        exhausted = Exhausted(listener._socket)  # noqa: SLF001 - the limit is the whole process's
        listener._socket = exhausted  # type: ignore[assignment]  # noqa: SLF001 - likewise
        with plain(listener, CHECK):
            await turns()
            assert exhausted.tries == 1
            await asyncio.sleep(2)
            await turns()
            assert events.datagrams == [CHECK]
