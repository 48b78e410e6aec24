"""Connections that nothing refers to any more: closed, and said where they were made."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
import warnings
import weakref
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from peer import PeerConfiguration, PeerConnection
from tests.support.negotiation.connection_media import ToneTrack
from tests.support.negotiation.connection_state import eventually, nothing_left, sockets, tasks
from tests.support.negotiation.connections import connect, expected, loopback, opened, within

if TYPE_CHECKING:
    from collections.abc import Iterator


class Named(PeerConnection):
    """A connection of a class with a constructor of its own."""

    def __init__(self, configuration: PeerConfiguration) -> None:
        super().__init__(configuration)


def line_number() -> int:
    """Return the number of the line that calls."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


@contextmanager
def warned_of(*lines: int) -> Iterator[None]:
    """Expect one warning for a connection made in each of these lines of this file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    found = [each for each in caught if issubclass(each.category, ResourceWarning)]
    assert [(Path(each.filename).name, each.lineno) for each in found] == [
        (Path(__file__).name, line) for line in lines
    ]
    for each in found:
        assert f"made at {__file__}:{each.lineno}, was forgotten without close()" in str(
            each.message
        )


@pytest.mark.parametrize("kind", [PeerConnection, Named])
async def test_forgotten_offerer_is_closed_and_its_origin_is_named(
    kind: type[PeerConnection], caplog: pytest.LogCaptureFixture
) -> None:
    async with nothing_left():
        before = tasks(), sockets()
        pc, made = kind(loopback()), line_number()
        pc.createDataChannel("chat")
        pc.on("icecandidate", lambda event: event.candidate)
        await pc.setLocalDescription()
        with warned_of(made):
            del pc
        await eventually(lambda: (tasks(), sockets()) == before)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"made at {__file__}:{made}, was forgotten without close()" in record.getMessage()


async def test_forgotten_call_leaves_no_socket_and_no_task() -> None:
    async with nothing_left():
        before = tasks(), sockets()
        left, first = PeerConnection(loopback()), line_number()
        right, second = PeerConnection(loopback()), line_number()
        channel = left.createDataChannel("chat")
        left.addTrack(ToneTrack(440))
        track = expected(right, "track")
        await connect(left, right)
        await opened(channel)
        await within((await within(track)).track.recv())
        with warned_of(first, second):
            del left, right
        await eventually(lambda: (tasks(), sockets()) == before)


async def test_connection_that_a_handler_refers_to_is_not_forgotten() -> None:
    async def make() -> weakref.ref[PeerConnection]:
        pc = PeerConnection(loopback())
        pc.createDataChannel("chat")
        pc.on("icegatheringstatechange", lambda: pc.iceGatheringState)
        await pc.setLocalDescription()
        return weakref.ref(pc)

    with warned_of():
        made = await make()
        gc.collect()
        pc = made()
        assert pc is not None
        await pc.close()


async def test_connection_without_sockets_is_forgotten_in_silence() -> None:
    with warned_of():
        pc = PeerConnection(loopback())
        pc.createDataChannel("chat")
        del pc


async def test_closed_connection_is_forgotten_in_silence() -> None:
    with warned_of():
        async with PeerConnection(loopback()) as pc:
            pc.createDataChannel("chat")
            await pc.setLocalDescription()
        del pc


async def test_connection_is_closed_by_its_loop_whichever_thread_collects_it() -> None:
    async with nothing_left():
        before = tasks(), sockets()
        pc, made = PeerConnection(loopback()), line_number()
        pc.createDataChannel("chat")
        await pc.setLocalDescription()
        last = [pc]
        with warned_of(made):
            del pc
            thread = threading.Thread(target=last.clear)
            thread.start()
            thread.join()
        await eventually(lambda: (tasks(), sockets()) == before)


def test_connection_that_outlives_its_loop_is_named() -> None:
    async def make() -> tuple[PeerConnection, int]:
        pc, made = PeerConnection(loopback()), line_number()
        pc.createDataChannel("chat")
        await pc.setLocalDescription()
        return pc, made

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pc, made = asyncio.run(make())
        del pc
        gc.collect()
    assert any(
        each.lineno == made and "was forgotten without close()" in str(each.message)
        for each in caught
    )
