"""When the generations of a transport go: retired, dropped, replaced, closed."""

from __future__ import annotations

import asyncio

import pytest

from peer.errors import IceError
from peer.states import IceTransportState
from peer.transport.ice.generation_set import MAX_RETIRED
from peer.transport.ice.timing import IceTiming
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.network.ice_generations import Scripted, candidate, parameters

CHECKING, CONNECTED = IceTransportState.CHECKING, IceTransportState.CONNECTED
FAILED, CLOSED = IceTransportState.FAILED, IceTransportState.CLOSED

DATA = b"\x80data"
RETIREMENT = IceTiming().retirement


@in_virtual_time
async def test_a_retired_generation_goes_when_the_peer_is_silent_there() -> None:
    scene = Scripted()
    await scene.connected()
    (await scene.restarting()).nominate()
    await asyncio.sleep(RETIREMENT - 0.1)
    assert scene["a"].closes == 0
    await asyncio.sleep(0.2)
    assert scene["a"].closes == 1
    assert scene.told.states == [CHECKING, CONNECTED]


@in_virtual_time
async def test_a_retired_generation_stays_for_a_peer_that_uses_it() -> None:
    scene = Scripted()
    await scene.connected()
    (await scene.restarting()).nominate()
    for _ in range(5):
        await asyncio.sleep(RETIREMENT / 2)
        scene["a"].datagrams.receive(DATA)
    await asyncio.sleep(RETIREMENT)
    assert scene["a"].closes == 0
    await asyncio.sleep(RETIREMENT)
    assert scene["a"].closes == 1


@in_virtual_time
async def test_how_long_a_retired_one_stays_is_configured() -> None:
    scene = Scripted(timing=IceTiming(retirement=1.0))
    await scene.connected()
    (await scene.restarting()).nominate()
    await asyncio.sleep(1.1)
    assert scene["a"].closes == 1


@in_virtual_time
async def test_no_more_than_a_few_retired_ones_stand() -> None:
    scene = Scripted()
    await scene.connected()
    for name in "bcdefgh":
        (await scene.restarting(name)).nominate()
    await asyncio.sleep(0)
    standing = [name for name, made in scene.made.items() if not made.closes]
    assert standing == ["e", "f", "g", "h"]
    assert len(standing) == MAX_RETIRED + 1


@in_virtual_time
async def test_the_peers_former_generation_outlasts_those_that_it_never_used() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].datagrams.receive(DATA)
    (await scene.restarting("b")).nominate()
    for name in "cdef":
        await scene.restarting(name)
    await asyncio.sleep(0)
    assert [name for name, made in scene.made.items() if made.closes] == ["c"]


@in_virtual_time
async def test_a_second_offer_takes_the_sockets_of_the_first_away() -> None:
    scene = Scripted()
    await scene.connected()
    await scene.ice.open(parameters("b"))
    await scene.ice.open(parameters("c"))
    await asyncio.sleep(0)
    assert (scene["b"].closes, scene["c"].closes) == (1, 0)


@in_virtual_time
async def test_sockets_that_cannot_be_bound_change_nothing() -> None:
    scene = Scripted()
    await scene.connected()
    await scene.ice.open(parameters("b"))
    scene.refusal = IceError("no sockets")
    with pytest.raises(IceError, match="no sockets"):
        await scene.ice.open(parameters("c"))
    await asyncio.sleep(0)
    assert scene["c"].closes == 1
    assert scene.ice.gathered("cccc") == ((), True)
    scene.start("b")
    scene["b"].nominate()
    assert scene.active == "b"


@in_virtual_time
async def test_a_rolled_back_restart_leaves_the_old_pair() -> None:
    scene = Scripted()
    await scene.connected()
    await scene.ice.open(parameters("b"))
    scene.ice.drop("bbbb")
    await asyncio.sleep(0)
    assert scene["b"].closes == 1
    assert scene.ice.send(DATA)
    scene.start("b")
    assert scene["b"].started is None


@in_virtual_time
async def test_a_rolled_back_provisional_answer_brings_the_old_pair_back() -> None:
    scene = Scripted()
    await scene.connected()
    (await scene.restarting()).nominate()
    scene.ice.drop("bbbb")
    scene.ice.send(DATA)
    assert (scene.active, scene["a"].datagrams.sent) == ("a", [DATA])
    await asyncio.sleep(2 * RETIREMENT)
    assert (scene["a"].closes, scene["b"].closes) == (0, 1)


@in_virtual_time
async def test_one_that_carried_again_stays_as_long_as_another_when_it_retires_again() -> None:
    scene = Scripted()
    await scene.connected()
    (await scene.restarting("b")).nominate()
    await asyncio.sleep(RETIREMENT - 2)
    scene.ice.drop("bbbb")
    (await scene.restarting("c")).nominate()
    await asyncio.sleep(RETIREMENT - 1)
    assert scene["a"].closes == 0
    await asyncio.sleep(2)
    assert scene["a"].closes == 1


@in_virtual_time
async def test_what_has_arrived_is_taken_in_before_a_retired_one_closes() -> None:
    scene = Scripted()
    await scene.connected()
    (await scene.restarting()).nominate()
    scene["a"].datagrams.arriving = [DATA]
    await asyncio.sleep(RETIREMENT + 1)
    assert scene.told.datagrams == [DATA]
    assert scene["a"].closes == 1


@in_virtual_time
async def test_what_has_arrived_when_all_is_closed_is_not_heard() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].datagrams.arriving = [DATA]
    await scene.ice.close()
    assert scene.told.datagrams == []


@in_virtual_time
async def test_a_failed_transport_stays_failed_when_its_restart_is_dropped() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].fail()
    await scene.restarting()
    scene.ice.drop("bbbb")
    assert scene.told.states[2:] == [FAILED, CHECKING, FAILED]


@in_virtual_time
async def test_the_only_generation_is_not_dropped() -> None:
    scene = Scripted()
    await scene.connected()
    scene.ice.drop("aaaa")
    await asyncio.sleep(0)
    assert scene["a"].closes == 0


@in_virtual_time
async def test_counters_are_of_all_generations_those_closed_included() -> None:
    scene = Scripted()
    await scene.connected()
    scene.ice.send(DATA)
    (await scene.restarting("b")).nominate()
    scene.ice.send(DATA)
    scene["a"].datagrams.receive(DATA)
    await asyncio.sleep(3 * RETIREMENT)
    assert scene["a"].closes == 1
    scene["b"].datagrams.receive(DATA)
    counters = scene.ice.counters
    assert (counters.packets_sent, counters.packets_received) == (2, 2)
    await scene.ice.close()
    assert scene.ice.counters == counters


@in_virtual_time
async def test_a_close_ends_every_generation_once_and_is_told_once() -> None:
    scene = Scripted()
    await scene.connected()
    (await scene.restarting("b")).nominate()
    await scene.restarting("c")
    await scene.ice.open(parameters("d"))
    await asyncio.gather(scene.ice.close(), scene.ice.close())
    await scene.ice.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await asyncio.sleep(2 * RETIREMENT)
    assert [made.closes for made in scene.made.values()] == [1, 1, 1, 1]
    assert scene.told.states == [CHECKING, CONNECTED, CLOSED]


@in_virtual_time
async def test_after_a_close_nothing_begins() -> None:
    scene = Scripted()
    await scene.connected()
    await scene.ice.open(parameters("b"))
    await scene.ice.close()
    await scene.ice.open(parameters("c"))
    scene.start("b")
    scene.ice.drop("bbbb")
    await asyncio.sleep(0)
    scene["b"].nominate()
    scene["b"].find(candidate(2))
    assert list(scene.made) == ["a", "b"]
    assert (scene["b"].started, scene["b"].closes) == (None, 1)
    assert not scene.ice.send(DATA)
    assert scene.told.states == [CHECKING, CONNECTED, CLOSED]
    assert scene.told.candidates[-1] == ("bbbb", candidate(1))
