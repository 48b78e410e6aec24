"""An ICE restart that the peer answered with its old credentials, with scripted generations."""

from __future__ import annotations

import asyncio

import pytest

from peer.states import IceRole, IceTransportState
from peer.transport.ice.timing import IceTiming
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.network.ice_generations import Scripted, parameters

RETIREMENT = IceTiming().retirement
DATA = b"\x80data"


async def waiting() -> Scripted:
    """A transport whose peer may follow a restart."""
    scene = Scripted()
    await scene.connected()
    await scene.ice.open(parameters("b"))
    scene.ice.start_if_followed("bbbb", parameters("A"), IceRole.CONTROLLING)
    return scene


@in_virtual_time
async def test_restart_without_a_sign_of_the_peer_is_given_up_and_the_path_before_goes_on() -> None:
    scene = await waiting()
    await asyncio.sleep(2 * RETIREMENT)
    assert (scene["b"].started, scene["b"].closes) == (None, 1)
    assert (scene.active, scene["a"].closes, scene.events.followed) == ("a", 0, [])
    assert scene.ice.send(DATA)


@in_virtual_time
async def test_datagram_on_a_new_socket_begins_the_checks_with_the_old_credentials() -> None:
    scene = await waiting()
    await asyncio.sleep(1.0)
    before = scene["b"].started
    scene["b"].datagrams.counters.packets_unvalidated += 1
    await asyncio.sleep(0.3)
    assert scene["b"].started == (parameters("A"), IceRole.CONTROLLING)
    assert before is None
    assert not scene.events.followed
    scene["b"].nominate()
    assert (scene.active, scene.events.followed) == ("b", ["bbbb"])


@pytest.mark.parametrize("state", [IceTransportState.DISCONNECTED, IceTransportState.FAILED])
@in_virtual_time
async def test_end_of_the_path_before_begins_the_checks_of_the_restart(
    state: IceTransportState,
) -> None:
    scene = await waiting()
    if state is IceTransportState.FAILED:
        scene["a"].fail()
    else:
        scene["a"].become(state)
    await asyncio.sleep(0.3)
    assert scene["b"].started is not None


@in_virtual_time
async def test_restart_that_is_heard_and_then_finds_no_path_is_closed() -> None:
    scene = await waiting()
    scene["b"].datagrams.counters.packets_unvalidated += 1
    await asyncio.sleep(0.3)
    scene["b"].fail()
    await asyncio.sleep(0.1)
    assert (scene.active, scene["b"].closes, scene.events.followed) == ("a", 1, [])


@in_virtual_time
async def test_next_restart_takes_the_place_of_one_that_still_waits() -> None:
    scene = await waiting()
    (await scene.restarting("c")).nominate()
    scene["b"].datagrams.counters.packets_unvalidated += 1
    await asyncio.sleep(2 * RETIREMENT)
    assert (scene["b"].started, scene["b"].closes) == (None, 1)
    assert (scene.active, scene.events.followed) == ("c", [])


@in_virtual_time
async def test_closing_ends_the_wait() -> None:
    scene = await waiting()
    await scene.ice.close()
    await asyncio.sleep(2 * RETIREMENT)
    assert (scene["b"].started, scene["b"].closes) == (None, 1)
