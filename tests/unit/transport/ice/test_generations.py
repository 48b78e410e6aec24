"""The ICE of one transport through restarts, with generations that do as the test says."""

from __future__ import annotations

import asyncio

import pytest

from peer.ice_parameters import IceParameters
from peer.states import IceRole, IceTransportState
from peer.tracing.events import PathSelected, TraceEvent
from peer.tracing.tracer import Tracer
from peer.transport.tap import Tap
from tests.support.clock.clock import Clock
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.network.ice_generations import Scripted, candidate, parameters

CHECKING = IceTransportState.CHECKING
CONNECTED, COMPLETED = IceTransportState.CONNECTED, IceTransportState.COMPLETED
DISCONNECTED, FAILED = IceTransportState.DISCONNECTED, IceTransportState.FAILED
CONTROLLING, CONTROLLED = IceRole.CONTROLLING, IceRole.CONTROLLED

DATA = b"\x80data"


@in_virtual_time
async def test_the_first_generation_is_all_there_is_at_first() -> None:
    scene = Scripted()
    await scene.connected()
    assert scene.told.states == [CHECKING, CONNECTED]
    assert scene.ice.send(DATA)
    assert scene["a"].datagrams.sent == [DATA]
    assert scene["a"].started == (parameters("A"), CONTROLLING)


@in_virtual_time
async def test_data_stays_on_the_old_pair_until_the_new_one_is_nominated() -> None:
    scene = Scripted()
    await scene.connected()
    following = await scene.restarting()
    following.connect()
    scene.ice.send(DATA)
    assert (scene["a"].datagrams.sent, following.datagrams.sent) == ([DATA], [])
    following.nominate()
    scene.ice.send(DATA)
    assert (scene["a"].datagrams.sent, following.datagrams.sent) == ([DATA], [DATA])


@in_virtual_time
async def test_a_restart_of_a_connected_transport_changes_no_state() -> None:
    scene = Scripted()
    await scene.connected()
    (await scene.restarting()).nominate()
    assert scene.told.states == [CHECKING, CONNECTED]


@in_virtual_time
async def test_a_restart_leads_from_completed_back_to_connected() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].become(COMPLETED)
    following = await scene.restarting()
    following.nominate()
    following.become(COMPLETED)
    assert scene.told.states == [CHECKING, CONNECTED, COMPLETED, CONNECTED, COMPLETED]


@in_virtual_time
async def test_datagrams_are_heard_on_every_generation() -> None:
    scene = Scripted()
    await scene.connected()
    following = await scene.restarting()
    following.datagrams.receive(b"early")
    scene["a"].datagrams.receive(b"old")
    following.nominate()
    scene["a"].datagrams.receive(b"late")
    assert scene.told.datagrams == [b"early", b"old", b"late"]


@pytest.mark.parametrize("state", [DISCONNECTED, FAILED])
@in_virtual_time
async def test_a_lost_connection_is_revived_by_the_first_valid_pair(
    state: IceTransportState,
) -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].become(state)
    following = await scene.restarting()
    assert scene.ice.state is CHECKING
    following.connect()
    scene.ice.send(DATA)
    assert following.datagrams.sent == [DATA]
    assert scene.told.states[2:] == [state, CHECKING, CONNECTED]


@in_virtual_time
async def test_the_old_pair_may_die_during_the_restart() -> None:
    scene = Scripted()
    await scene.connected()
    following = await scene.restarting()
    following.connect()
    scene["a"].fail()
    assert (scene.active, scene.ice.error) == ("b", None)
    assert scene.told.states == [CHECKING, CONNECTED]


@in_virtual_time
async def test_a_restart_that_fails_leaves_the_old_pair_as_it_is() -> None:
    scene = Scripted()
    await scene.connected()
    following = await scene.restarting()
    following.fail()
    await asyncio.sleep(0)
    assert (scene.active, scene.ice.state, scene.ice.error) == ("a", CONNECTED, None)
    assert following.closes == 1
    assert scene.told.states == [CHECKING, CONNECTED]


@in_virtual_time
async def test_the_failure_of_a_restart_is_told_where_nothing_else_works() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].fail("first")
    assert str(scene.ice.error) == "first"
    following = await scene.restarting()
    assert scene.ice.error is None
    following.fail("second")
    assert str(scene.ice.error) == "second"
    assert scene.told.states[2:] == [FAILED, CHECKING, FAILED]


@in_virtual_time
async def test_a_restart_after_a_failed_restart_revives() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].fail()
    (await scene.restarting("b")).fail()
    (await scene.restarting("c")).nominate()
    assert (scene.active, scene.ice.state) == ("c", CONNECTED)


@in_virtual_time
async def test_the_fate_of_a_retired_generation_concerns_nobody() -> None:
    scene = Scripted()
    await scene.connected()
    (await scene.restarting()).nominate()
    scene["a"].become(DISCONNECTED)
    scene["a"].fail()
    assert (scene.ice.state, scene.ice.error) == (CONNECTED, None)
    assert scene.told.states == [CHECKING, CONNECTED]


@in_virtual_time
async def test_a_restart_within_a_restart_takes_over() -> None:
    scene = Scripted()
    await scene.connected()
    superseded = await scene.restarting("b")
    following = await scene.restarting("c")
    superseded.nominate()
    assert scene.active == "a"
    superseded.datagrams.receive(DATA)
    assert scene.told.datagrams == [DATA]
    following.nominate()
    assert scene.active == "c"


@in_virtual_time
async def test_a_restart_that_is_only_offered_does_not_stop_the_one_before() -> None:
    scene = Scripted()
    await scene.connected()
    following = await scene.restarting("b")
    await scene.ice.open(parameters("c"))
    following.nominate()
    assert scene.active == "b"
    scene.start("c")
    scene["c"].nominate()
    assert scene.active == "c"


@in_virtual_time
async def test_a_restart_before_the_first_pair_is_found() -> None:
    scene = Scripted()
    await scene.ice.gather()
    scene.start("a")
    (await scene.restarting()).connect()
    assert (scene.active, scene.told.states) == ("b", [CHECKING, CONNECTED])


@pytest.mark.parametrize("asked", [CONTROLLING, CONTROLLED])
@in_virtual_time
async def test_the_role_outlives_a_restart_whatever_the_description_says(asked: IceRole) -> None:
    scene = Scripted()
    await scene.connected()
    # RFC 8445 section 7.3.1.1: a role conflict has changed it.
    scene["a"].own_role = CONTROLLED
    await scene.ice.open(parameters("b"))
    scene.start("b", asked)
    assert scene["b"].started == (parameters("B"), CONTROLLED)
    assert scene.ice.role is CONTROLLED


@in_virtual_time
async def test_towards_a_lite_peer_the_role_is_the_described_one() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].own_role = CONTROLLED
    await scene.ice.open(parameters("b"))
    lite = IceParameters("lite", "l" * 22, lite=True)
    scene.ice.start("bbbb", lite, CONTROLLING)
    assert scene["b"].started == (lite, CONTROLLING)


@in_virtual_time
async def test_early_checks_of_the_next_generation_carry_where_nothing_else_does() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].fail()
    assert not scene.ice.send(DATA)
    await scene.ice.open(parameters("b"))
    scene["b"].datagrams.has_path = True
    assert scene.ice.send(DATA)
    assert scene["b"].datagrams.sent == [DATA]


@in_virtual_time
async def test_candidates_carry_the_name_of_their_generation() -> None:
    scene = Scripted()
    await scene.connected()
    await scene.ice.open(parameters("b"))
    scene["a"].find(candidate(2))
    scene["b"].find(None)
    assert scene.told.candidates == [
        ("aaaa", candidate(1)),
        ("bbbb", candidate(1)),
        ("aaaa", candidate(2)),
        ("bbbb", None),
    ]


@in_virtual_time
async def test_what_was_gathered_is_known_by_generation() -> None:
    scene = Scripted()
    await scene.connected()
    await scene.ice.open(parameters("b"))
    scene["b"].find(candidate(2))
    scene["b"].find(None)
    assert scene.ice.gathered("aaaa") == ((candidate(1),), False)
    assert scene.ice.gathered("bbbb") == ((candidate(1), candidate(2)), True)
    assert scene.ice.gathered("zzzz") == ((), True)


@in_virtual_time
async def test_the_gathering_state_is_that_of_the_newest() -> None:
    scene = Scripted()
    states = [scene.ice.gathering_state]
    await scene.connected()
    scene["a"].find(None)
    states.append(scene.ice.gathering_state)
    await scene.ice.open(parameters("b"))
    states.append(scene.ice.gathering_state)
    assert states == ["new", "complete", "gathering"]


@in_virtual_time
async def test_remote_candidates_reach_their_generation_only() -> None:
    scene = Scripted()
    await scene.connected()
    await scene.ice.open(parameters("b"))
    scene.ice.add_remote_candidate("aaaa", candidate(1))
    scene.ice.add_remote_candidate("bbbb", candidate(2))
    scene.ice.add_remote_candidate("bbbb", None)
    scene.ice.add_remote_candidate("zzzz", candidate(3))
    assert (scene["a"].added, scene["b"].added) == ([candidate(1)], [candidate(2), None])


@in_virtual_time
async def test_the_path_is_traced_when_data_moves_and_not_before() -> None:
    events: list[TraceEvent] = []
    scene = Scripted(tap=Tap("0", Tracer("pc-1", events.append, clock=Clock(9.0))))

    def ports() -> list[str]:
        return [e.local.rpartition(":")[2] for e in events if isinstance(e, PathSelected)]

    await scene.connected()
    following = await scene.restarting()
    following.connect()
    assert ports() == [str(ord("a"))]
    following.nominate()
    assert ports() == [str(ord("a")), str(ord("b"))]


@in_virtual_time
async def test_the_path_that_revives_is_traced() -> None:
    events: list[TraceEvent] = []
    scene = Scripted(tap=Tap("0", Tracer("pc-1", events.append, clock=Clock(9.0))))
    await scene.connected()
    scene["a"].fail()
    (await scene.restarting()).connect()
    assert [e.local for e in events if isinstance(e, PathSelected)][1:] == [f"192.0.2.1:{ord('b')}"]
