"""What two hundred connections leave behind in a process: nothing."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.negotiation.connection_media import ToneTrack
from tests.support.negotiation.connection_state import descriptors, eventually, tasks, threads
from tests.support.negotiation.connections import connect, expected, opened, pair, says, within

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Pairs, so half as many as connections.
WARM_UP = 20
PAIRS = 100
#: Of the pairs, every tenth has sound as well.
WITH_SOUND = 10
#: Bytes that the interpreter's caches may grow by for each; a connection itself takes 70 KB.
LEFT_OF_ONE = 1024


async def call(number: int) -> None:
    """One call, from its beginning to its end."""
    async with pair() as (left, right):
        coming, track = expected(right, "datachannel"), expected(right, "track")
        channel = left.createDataChannel("x")
        if number % WITH_SOUND == 0:
            left.addTrack(ToneTrack(440))
        await connect(left, right)
        await opened(channel)
        await says(channel, f"call {number}", (await within(coming)).channel)
        if number % WITH_SOUND == 0:
            await within((await within(track)).track.recv())


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def alive() -> Counter[str]:
    """How many objects are alive of the classes that make a connection."""
    names = (f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
    return Counter(name for name in names if name.startswith(("peer.", "aiortc.", "aioice.")))


async def test_two_hundred_connections_leave_nothing(traced: None) -> None:
    # Encoders run in the loop's executor, whose threads stay: one, so that they can be counted.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    for number in range(WARM_UP):
        await call(number)
    await eventually(lambda: not tasks())
    gc.collect()
    before = (descriptors(), threads(), alive())
    memory, _ = tracemalloc.get_traced_memory()

    for number in range(PAIRS):
        await call(number)

    await eventually(lambda: not tasks())
    gc.collect()
    assert (descriptors(), threads(), alive()) == before
    assert tracemalloc.get_traced_memory()[0] - memory < LEFT_OF_ONE * 2 * PAIRS


async def test_connections_need_no_garbage_collector_for_their_sockets() -> None:
    await call(0)
    before = descriptors()
    gc.disable()
    try:
        for number in range(1, 6):
            await call(number)
        await asyncio.sleep(0)
        assert descriptors() == before
    finally:
        gc.enable()


async def test_fifty_connections_at_once() -> None:
    await call(1)
    await eventually(lambda: not tasks())
    before = descriptors()
    await asyncio.gather(*(call(number) for number in range(1, 26)))

    await eventually(lambda: not tasks())
    assert descriptors() == before
