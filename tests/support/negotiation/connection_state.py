"""Snapshots of all that a PeerConnection holds, to be compared before and after."""

from __future__ import annotations

import asyncio
import gc
import os
import stat
import threading
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.clock.own_time import own_time
from tests.support.negotiation.connections import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from peer import (
        ConnectionState,
        IceConnectionState,
        IceGatheringState,
        PeerConnection,
        SessionDescription,
        SignalingState,
    )
    from peer.negotiation.session import Session

#: Seconds within which a connection ends, by its promise.
CLOSE_LIMIT = 1.0


@dataclass(frozen=True)
class Snapshot:
    """Everything about a connection that a failed call must leave as it was."""

    states: tuple[SignalingState, ConnectionState, IceConnectionState, IceGatheringState]
    descriptions: tuple[SessionDescription | None, ...]
    session: Session
    transceivers: tuple[tuple[int, Any, str, Any], ...]
    transports: tuple[tuple[str, int], ...]
    data: int | None


def snapshot(pc: PeerConnection) -> Snapshot:
    """The connection as it stands."""
    core = pc._core  # noqa: SLF001 - what nobody sees must not change either
    return Snapshot(
        states=(
            pc.signalingState,
            pc.connectionState,
            pc.iceConnectionState,
            pc.iceGatheringState,
        ),
        descriptions=(
            pc.currentLocalDescription,
            pc.pendingLocalDescription,
            pc.currentRemoteDescription,
            pc.pendingRemoteDescription,
        ),
        session=core.offer_answer.session,
        transceivers=tuple(
            (id(each), each.mid, each.direction, each.currentDirection)
            for each in pc.getTransceivers()
        ),
        transports=tuple(
            (key, id(transport)) for key, transport in core.executor.transports.items()
        ),
        data=None if core.executor.data is None else id(core.executor.data),
    )


@asynccontextmanager
async def unchanged(pc: PeerConnection) -> AsyncIterator[None]:
    """Check that what is done inside leaves the connection as it was, and no task or socket."""
    before, tasks_before, sockets_before = snapshot(pc), tasks(), sockets()
    yield
    assert snapshot(pc) == before
    await eventually(lambda: tasks() <= tasks_before and sockets() == sockets_before)


@asynccontextmanager
async def refused(
    pc: PeerConnection, error: type[Exception], words: str | None = None
) -> AsyncIterator[None]:
    """Check that what is done inside raises this error, and changes nothing."""
    async with unchanged(pc):
        with pytest.raises(error, match=words):
            yield


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Check that what is done inside leaves no task, no socket and no warning.

    Used around the whole life of connections, with everything that asyncio can complain of.
    """
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    # Slowness is not what is looked for.
    loop.slow_callback_duration = 60.0
    before = tasks(), sockets()
    yield
    # What was closed is closed in the next turn of the loop.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    # A task or a transport that was forgotten says so when it is collected.
    gc.collect()
    assert (tasks(), sockets()) == before


async def eventually(condition: Callable[[], bool], turns: int = 1000) -> None:
    """Let the loop turn until something holds of which no event tells.

    It mostly does after some turns; what a thread has to do takes the time of a busy machine.
    """
    for _ in range(turns):
        if condition():
            return
        await asyncio.sleep(0)
    await until(condition)


@contextmanager
def promptly(limit: float = CLOSE_LIMIT) -> Iterator[None]:
    """Check that what is done inside takes no longer than its promise, on a machine of its own."""
    with own_time() as took:
        yield
    assert took.seconds < limit


def tasks() -> frozenset[asyncio.Task[Any]]:
    """All tasks of the loop but the one that asks."""
    return frozenset(asyncio.all_tasks() - {asyncio.current_task()})


def sockets() -> frozenset[tuple[int, int]]:
    """The open sockets of the process, by file descriptor and inode."""
    found = []
    for name in os.listdir("/dev/fd"):
        try:
            status = os.fstat(int(name))
        except OSError:
            # The descriptor of the listing itself.
            continue
        if stat.S_ISSOCK(status.st_mode):
            found.append((int(name), status.st_ino))
    return frozenset(found)


def descriptors() -> int:
    """How many file descriptors the process has open."""
    return len(os.listdir("/dev/fd"))


def threads() -> int:
    """How many threads the process has, without those that encode, which are few and stay."""
    return sum(not thread.name.startswith("encode-") for thread in threading.enumerate())
