"""A call outlives a failure of ICE while somebody restarts it, and no longer."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, cast

from peer import ConnectionState, IceConnectionState, PeerConnection
from signaling.loss import RECOVERY_TIME, Loss
from tests.support.clock.virtual_time import in_virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable


class Connection:
    """The states of a connection, as the test says."""

    def __init__(self) -> None:
        self.connectionState = ConnectionState.CONNECTED
        self.iceConnectionState = IceConnectionState.CONNECTED
        self._listeners: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)

    def on(self, event: str, listener: Callable[[], None]) -> None:
        self._listeners[event].append(listener)

    def become(self, state: ConnectionState, ice: IceConnectionState | None = None) -> None:
        self.connectionState = state
        self.iceConnectionState = ice or IceConnectionState(state.value)
        for listener in self._listeners["connectionstatechange"]:
            listener()


class Scene:
    def __init__(self) -> None:
        self.connection = Connection()
        self.loss = Loss(cast("PeerConnection", self.connection))
        self.waiting = asyncio.create_task(self.loss.wait())

    async def is_over_after(self, seconds: float) -> bool:
        await asyncio.sleep(seconds)
        return self.waiting.done()


@in_virtual_time
async def test_failure_of_ice_is_over_when_nobody_has_brought_it_back_in_two_minutes() -> None:
    scene = Scene()
    scene.connection.become(ConnectionState.FAILED)
    assert not await scene.is_over_after(RECOVERY_TIME - 1)
    # A restart that fails again does not begin the time anew.
    scene.connection.become(ConnectionState.CONNECTING, IceConnectionState.CHECKING)
    scene.connection.become(ConnectionState.FAILED)
    assert await scene.is_over_after(1.1)


@in_virtual_time
async def test_connection_that_comes_back_has_all_the_time_again() -> None:
    scene = Scene()
    for _ in range(3):
        scene.connection.become(ConnectionState.FAILED)
        assert not await scene.is_over_after(RECOVERY_TIME - 1)
        scene.connection.become(ConnectionState.CONNECTED)
        assert not await scene.is_over_after(2 * RECOVERY_TIME)
    scene.waiting.cancel()


@in_virtual_time
async def test_failure_is_over_at_once_when_nobody_negotiates() -> None:
    scene = Scene()
    scene.loss.leave_alone()
    assert not await scene.is_over_after(1)
    scene.connection.become(ConnectionState.FAILED)
    assert await scene.is_over_after(0.01)


@in_virtual_time
async def test_failure_is_over_when_the_channel_breaks_before_ice_is_back() -> None:
    scene = Scene()
    scene.connection.become(ConnectionState.FAILED)
    assert not await scene.is_over_after(1)
    scene.loss.leave_alone()
    assert await scene.is_over_after(0.01)


@in_virtual_time
async def test_failure_of_dtls_is_over_at_once_as_another_path_does_not_help() -> None:
    scene = Scene()
    scene.connection.become(ConnectionState.FAILED, IceConnectionState.CONNECTED)
    assert await scene.is_over_after(0.01)


@in_virtual_time
async def test_closed_connection_is_over_at_once_and_a_silent_one_is_not() -> None:
    scene = Scene()
    scene.connection.become(ConnectionState.DISCONNECTED)
    assert not await scene.is_over_after(10 * RECOVERY_TIME)
    scene.connection.become(ConnectionState.CLOSED)
    assert await scene.is_over_after(0.01)
