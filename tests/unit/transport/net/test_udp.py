"""A UDP socket on each event loop: bursts, turns, sizes, refusals and its end."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop

from peer.transport.net.segmentation import MAX_DATAGRAM_SIZE
from peer.transport.net.udp import (
    MAX_PER_TURN,
    RECEIVE_BUFFER,
    UdpTransport,
    enlarge_buffers,
)
from tests.support.clock.deadline import DEADLINE

BURST = 5000
SIZE = 1100
# What Linux grants without further ado, which holds some 180 datagrams of this size.
USUAL_BUFFER = 212_992
# What it accounts for each, at most.
CHARGED = 2400

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


class UdpRecorder:
    """A `UdpEvents` that writes everything down."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []
        self.sources: set[tuple[Any, ...]] = set()
        self.oversized = 0
        self.errors: list[OSError] = []
        self.lost: list[Exception | None] = []
        self.on_each: Callable[[], None] = lambda: None
        self._changed = asyncio.Event()

    def on_udp(self, data: bytes, source: tuple[Any, ...]) -> None:
        self.datagrams.append(data)
        self.sources.add(source)
        self._changed.set()
        self.on_each()

    def on_oversized(self) -> None:
        self.oversized += 1

    def error_received(self, error: OSError) -> None:
        self.errors.append(error)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.append(error)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class Scene:
    """A transport, and a socket that sends to it."""

    def __init__(self, buffer: int | None = None) -> None:
        sock = bound()
        enlarge_buffers(sock)
        if buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self.recorder = UdpRecorder()
        self.transport = UdpTransport(sock, self.recorder)
        self.address = self.transport.get_extra_info("sockname")
        self.other = bound()

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *_: object) -> None:
        self.transport.close()
        self.other.close()

    def send(self, *datagrams: bytes) -> None:
        for datagram in datagrams:
            self.other.sendto(datagram, self.address)


def bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


def granted_to_all() -> int:
    most = Path("/proc/sys/net/core/rmem_max")
    return int(most.read_text()) if most.exists() else USUAL_BUFFER


def numbered(count: int) -> list[bytes]:
    return [number.to_bytes(2) + bytes(SIZE - 2) for number in range(count)]


def test_udp_burst_over_many_turns_arrives_whole(run: Run) -> None:
    async def scenario() -> None:
        burst = numbered(BURST)
        with Scene(USUAL_BUFFER) as scene:
            for start in range(0, BURST, 40):
                scene.send(*burst[start : start + 40])
                await asyncio.sleep(0)
            await scene.recorder.until(lambda: len(scene.recorder.datagrams) == BURST)
            assert scene.recorder.datagrams == burst
            assert scene.recorder.sources == {scene.other.getsockname()}

    run(scenario())


def test_udp_burst_while_loop_is_busy_arrives_whole(run: Run) -> None:
    async def scenario() -> None:
        burst = numbered(BURST)
        with Scene() as scene:
            assert scene.granted >= 2 * min(RECEIVE_BUFFER, granted_to_all())
            burst = burst[: scene.granted // CHARGED]
            scene.send(*burst)
            await scene.recorder.until(lambda: len(scene.recorder.datagrams) == len(burst))
            assert scene.recorder.datagrams == burst

    run(scenario())


def test_udp_burst_leaves_other_callbacks_their_turn(run: Run) -> None:
    async def scenario() -> None:
        with Scene() as scene:
            scene.send(*[b"x"] * (MAX_PER_TURN + 3))
            # However slow the machine.
            scene.transport.drain(seconds=math.inf)
            assert len(scene.recorder.datagrams) == MAX_PER_TURN
            await scene.recorder.until(lambda: len(scene.recorder.datagrams) == MAX_PER_TURN + 3)

    run(scenario())


class SlowClock:
    """A loop on which each datagram takes two milliseconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.now = 100.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def time(self) -> float:
        return self.now

    def work(self) -> None:
        self.now += 0.002


def test_udp_datagrams_that_are_slow_to_handle_fill_a_turn_sooner(run: Run) -> None:
    async def scenario() -> None:
        with Scene() as scene:
            clock = SlowClock(asyncio.get_running_loop())
            scene.transport._loop = cast("Any", clock)  # noqa: SLF001 - the only way to its time
            scene.recorder.on_each = clock.work
            scene.send(*[b"x"] * MAX_PER_TURN)
            scene.transport.drain()
            # The third one is begun within the five milliseconds of a turn.
            assert len(scene.recorder.datagrams) == 3
            await scene.recorder.until(lambda: len(scene.recorder.datagrams) == MAX_PER_TURN)

    run(scenario())


def test_udp_burst_on_one_socket_leaves_another_its_share_of_turns(run: Run) -> None:
    async def scenario() -> None:
        with Scene() as busy, Scene() as quiet:
            order: list[str] = []
            busy.recorder.on_each = lambda: order.append("busy")
            quiet.recorder.on_each = lambda: order.append("quiet")
            burst = [b"x"] * (busy.granted // CHARGED)
            busy.send(*burst)
            quiet.send(*numbered(50))
            await quiet.recorder.until(lambda: len(quiet.recorder.datagrams) == 50)
            await busy.recorder.until(lambda: len(busy.recorder.datagrams) == len(burst))
            assert quiet.recorder.datagrams == numbered(50)
            # All of the quiet one in its first turns, and not after the whole burst.
            assert order.index("quiet") <= 2 * MAX_PER_TURN

    run(scenario())


def test_oversized_datagram_is_reported_and_dropped(run: Run) -> None:
    async def scenario() -> None:
        with Scene() as scene:
            scene.send(
                bytes(MAX_DATAGRAM_SIZE - 1), bytes(MAX_DATAGRAM_SIZE), bytes(9000), b"", b"after"
            )
            await scene.recorder.until(lambda: b"after" in scene.recorder.datagrams)
            assert scene.recorder.datagrams == [bytes(MAX_DATAGRAM_SIZE - 1), b"", b"after"]
            assert scene.recorder.oversized == 2

    run(scenario())


def test_udp_transport_sends_at_once(run: Run) -> None:
    async def scenario() -> None:
        with Scene() as scene:
            there = scene.other.getsockname()
            assert scene.transport.transmit(b"one", there)
            scene.transport.sendto(bytearray(b"two"), there)
            assert scene.other.recvfrom(99) == (b"one", scene.address)
            assert scene.other.recvfrom(99) == (b"two", scene.address)

    run(scenario())


SIZES = {
    "one": [9],
    "alike": [1200] * 5,
    "the last is shorter": [1200] * 4 + [1],
    "the first is longer": [1210] + [1200] * 4,
    "each is longer": [1, 2, 3, 4],
    "by turns": [700, 800] * 9,
    "more than the kernel cuts": [1000] * 200,
    "some are empty": [0, 0, 5, 0],
}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES.keys())
def test_datagrams_sent_together_arrive_in_order(run: Run, sizes: list[int]) -> None:
    async def scenario() -> None:
        datagrams = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
        with Scene() as scene, Scene() as there:
            assert scene.transport.transmit_all(datagrams, there.address) == len(datagrams)
            await there.recorder.until(lambda: len(there.recorder.datagrams) == len(datagrams))
            assert there.recorder.datagrams == datagrams
            assert scene.recorder.errors == []

    run(scenario())


def test_datagrams_go_one_by_one_if_segmentation_fails(run: Run) -> None:
    async def scenario() -> None:
        # Longer than the MTU of the loopback may be cut to, and too long for anything.
        datagrams = [bytes(66_000), bytes(66_000), b"after"]
        with Scene() as scene, Scene() as there:
            assert scene.transport.transmit_all(datagrams, there.address) == 0
            assert len(scene.recorder.errors) == 1
            assert scene.transport.transmit_all([b"x", b"y"], there.address) == 2
            await there.recorder.until(lambda: there.recorder.datagrams == [b"x", b"y"])
            scene.transport.close()
            assert scene.transport.transmit_all([b"x", b"y"], there.address) == 0

    run(scenario())


def test_datagram_that_cannot_be_sent_is_refused_and_reported(run: Run) -> None:
    async def scenario() -> None:
        with Scene() as scene:
            assert not scene.transport.transmit(b"x", ("::1", 9))
            assert not scene.transport.transmit(bytes(70_000), scene.other.getsockname())
            assert len(scene.recorder.errors) == 2
            assert scene.transport.transmit(b"x", scene.other.getsockname())

    run(scenario())


def test_datagram_beyond_send_buffer_is_refused_without_waiting(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        # Of the sockets that need no network, one that is full says so.
        ours, theirs = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
        ours.bind(str(tmp_path / "ours"))
        theirs.bind(str(tmp_path / "theirs"))
        there = cast("tuple[Any, ...]", str(tmp_path / "theirs"))
        recorder = UdpRecorder()
        transport = UdpTransport(ours, recorder)
        with theirs:
            sent = 0
            while transport.transmit(b"x", there):
                sent += 1
                assert sent < 10_000
            assert sent
            for _ in range(2):
                theirs.recv(9)
            assert transport.transmit_all([b"x"] * 5, there) == 2
            for _ in range(sent):
                theirs.recv(9)
            assert transport.transmit(b"after", there)
            assert theirs.recv(9) == b"after"
        assert recorder.errors == []
        transport.close()
        await recorder.until(lambda: bool(recorder.lost))

    run(scenario())


def test_udp_transport_closed_amid_burst_reports_nothing_more(run: Run) -> None:
    async def scenario() -> None:
        with Scene() as scene:
            scene.recorder.on_each = scene.transport.close
            scene.send(b"one", b"two", b"three")
            await scene.recorder.until(lambda: bool(scene.recorder.lost))
            assert scene.recorder.datagrams == [b"one"]

    run(scenario())


def test_udp_transport_reports_its_end_once_and_frees_the_port(run: Run) -> None:
    async def scenario() -> None:
        with Scene() as scene:
            scene.transport.close()
            scene.transport.abort()
            assert scene.transport.is_closing()
            assert not scene.transport.transmit(b"x", scene.other.getsockname())
            await asyncio.sleep(0)
            assert scene.recorder.lost == [None]
            assert scene.recorder.errors == []
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
                again.bind(scene.address)

    run(scenario())


def test_udp_transport_reports_and_survives_socket_error(run: Run) -> None:
    async def scenario() -> None:
        with Scene() as scene:
            nowhere = bound()
            gone = nowhere.getsockname()
            nowhere.close()
            # A connected socket is told that nobody is there.
            scene.transport.get_extra_info("socket").connect(gone)
            assert scene.transport.transmit(b"x", gone)
            scene.transport.drain()
            assert [type(error) for error in scene.recorder.errors] == [ConnectionRefusedError]
            scene.transport.get_extra_info("socket").connect(scene.other.getsockname())
            scene.send(b"after")
            await scene.recorder.until(lambda: scene.recorder.datagrams == [b"after"])

    run(scenario())
