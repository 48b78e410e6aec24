"""ICE of one transport through restarts, with scripted generations."""

from __future__ import annotations

import asyncio

import pytest

from peer.errors import IceError
from peer.ice import IceParameters
from peer.states import IceRole, IceTransportState
from peer.tracing.events import PathSelected, TraceEvent
from peer.tracing.tracer import Tracer
from peer.transport.ice.generation_set import MAX_RETIRED
from peer.transport.ice.timing import IceTiming
from peer.transport.tap import Tap
from tests.support.clock.clock import Clock
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.network.ice_generations import Scripted, candidate, parameters

CHECKING = IceTransportState.CHECKING
CONNECTED, COMPLETED = IceTransportState.CONNECTED, IceTransportState.COMPLETED
DISCONNECTED, FAILED = IceTransportState.DISCONNECTED, IceTransportState.FAILED
CLOSED = IceTransportState.CLOSED
CONTROLLING, CONTROLLED = IceRole.CONTROLLING, IceRole.CONTROLLED

DATA = b"\x80data"
RETIREMENT = IceTiming().retirement


@in_virtual_time
async def test_first_ice_generation_connects_and_sends() -> None:
    scene = Scripted()
    await scene.connected()
    assert scene.events.states == [CHECKING, CONNECTED]
    assert scene.ice.send(DATA)
    assert scene["a"].datagrams.sent == [DATA]
    assert scene["a"].started == (parameters("A"), CONTROLLING)


@in_virtual_time
async def test_data_stays_on_old_pair_until_ice_restart_is_nominated() -> None:
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
async def test_ice_restart_of_connected_transport_changes_no_state() -> None:
    scene = Scripted()
    await scene.connected()
    (await scene.restarting()).nominate()
    assert scene.events.states == [CHECKING, CONNECTED]


@in_virtual_time
async def test_ice_restart_leads_from_completed_back_to_connected() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].become(COMPLETED)
    following = await scene.restarting()
    following.nominate()
    following.become(COMPLETED)
    assert scene.events.states == [CHECKING, CONNECTED, COMPLETED, CONNECTED, COMPLETED]


@in_virtual_time
async def test_datagrams_are_received_on_every_ice_generation() -> None:
    scene = Scripted()
    await scene.connected()
    following = await scene.restarting()
    following.datagrams.receive(b"early")
    scene["a"].datagrams.receive(b"old")
    following.nominate()
    scene["a"].datagrams.receive(b"late")
    assert scene.events.datagrams == [b"early", b"old", b"late"]


@pytest.mark.parametrize("state", [DISCONNECTED, FAILED])
@in_virtual_time
async def test_ice_restart_revives_lost_connection_with_first_valid_pair(
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
    assert scene.events.states[2:] == [state, CHECKING, CONNECTED]


@in_virtual_time
async def test_ice_restart_replaces_pair_that_fails_meanwhile() -> None:
    scene = Scripted()
    await scene.connected()
    following = await scene.restarting()
    following.connect()
    scene["a"].fail()
    assert (scene.active, scene.ice.error) == ("b", None)
    assert scene.events.states == [CHECKING, CONNECTED]


@in_virtual_time
async def test_failed_ice_restart_leaves_old_pair() -> None:
    scene = Scripted()
    await scene.connected()
    following = await scene.restarting()
    following.fail()
    await asyncio.sleep(0)
    assert (scene.active, scene.ice.state, scene.ice.error) == ("a", CONNECTED, None)
    assert following.closes == 1
    assert scene.events.states == [CHECKING, CONNECTED]


@in_virtual_time
async def test_failed_ice_restart_is_reported_if_nothing_else_works() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].fail("first")
    assert str(scene.ice.error) == "first"
    following = await scene.restarting()
    assert scene.ice.error is None
    following.fail("second")
    assert str(scene.ice.error) == "second"
    assert scene.events.states[2:] == [FAILED, CHECKING, FAILED]


@in_virtual_time
async def test_ice_restart_after_failed_restart_connects() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].fail()
    (await scene.restarting("b")).fail()
    (await scene.restarting("c")).nominate()
    assert (scene.active, scene.ice.state) == ("c", CONNECTED)


@in_virtual_time
async def test_state_of_retired_ice_generation_is_not_reported() -> None:
    scene = Scripted()
    await scene.connected()
    (await scene.restarting()).nominate()
    scene["a"].become(DISCONNECTED)
    scene["a"].fail()
    assert (scene.ice.state, scene.ice.error) == (CONNECTED, None)
    assert scene.events.states == [CHECKING, CONNECTED]


@in_virtual_time
async def test_ice_restart_within_restart_becomes_active() -> None:
    scene = Scripted()
    await scene.connected()
    superseded = await scene.restarting("b")
    following = await scene.restarting("c")
    superseded.nominate()
    assert scene.active == "a"
    superseded.datagrams.receive(DATA)
    assert scene.events.datagrams == [DATA]
    following.nominate()
    assert scene.active == "c"


@in_virtual_time
async def test_offered_ice_restart_does_not_stop_the_one_before() -> None:
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
async def test_ice_restart_before_first_valid_pair_connects() -> None:
    scene = Scripted()
    await scene.ice.gather()
    scene.start("a")
    (await scene.restarting()).connect()
    assert (scene.active, scene.events.states) == ("b", [CHECKING, CONNECTED])


@pytest.mark.parametrize("asked", [CONTROLLING, CONTROLLED])
@in_virtual_time
async def test_ice_role_outlives_restart_against_description(asked: IceRole) -> None:
    scene = Scripted()
    await scene.connected()
    # RFC 8445 section 7.3.1.1: a role conflict has changed it.
    scene["a"].own_role = CONTROLLED
    await scene.ice.open(parameters("b"))
    scene.start("b", asked)
    assert scene["b"].started == (parameters("B"), CONTROLLED)
    assert scene.ice.role is CONTROLLED


@in_virtual_time
async def test_ice_role_towards_lite_peer_is_the_described_one() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].own_role = CONTROLLED
    await scene.ice.open(parameters("b"))
    lite = IceParameters("lite", "l" * 22, lite=True)
    scene.ice.start("bbbb", lite, CONTROLLING)
    assert scene["b"].started == (lite, CONTROLLING)


@in_virtual_time
async def test_early_checks_of_next_generation_give_failed_transport_a_path() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].fail()
    assert not scene.ice.send(DATA)
    await scene.ice.open(parameters("b"))
    scene["b"].datagrams.is_reachable = True
    assert scene.ice.send(DATA)
    assert scene["b"].datagrams.sent == [DATA]


@in_virtual_time
async def test_candidates_name_their_ice_generation() -> None:
    scene = Scripted()
    await scene.connected()
    await scene.ice.open(parameters("b"))
    scene["a"].find(candidate(2))
    scene["b"].find(None)
    assert scene.events.candidates == [
        ("aaaa", candidate(1)),
        ("bbbb", candidate(1)),
        ("aaaa", candidate(2)),
        ("bbbb", None),
    ]


@in_virtual_time
async def test_gathered_candidates_are_known_by_generation() -> None:
    scene = Scripted()
    await scene.connected()
    await scene.ice.open(parameters("b"))
    scene["b"].find(candidate(2))
    scene["b"].find(None)
    assert scene.ice.gathered("aaaa") == ((candidate(1),), False)
    assert scene.ice.gathered("bbbb") == ((candidate(1), candidate(2)), True)
    assert scene.ice.gathered("zzzz") == ((), True)
    await scene.ice.close()
    assert scene.ice.gathered("bbbb") == ((candidate(1), candidate(2)), True)


@in_virtual_time
async def test_gathering_state_is_that_of_newest_generation() -> None:
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
async def test_path_is_traced_when_data_moves_and_not_before() -> None:
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
async def test_path_that_revives_a_transport_is_traced() -> None:
    events: list[TraceEvent] = []
    scene = Scripted(tap=Tap("0", Tracer("pc-1", events.append, clock=Clock(9.0))))
    await scene.connected()
    scene["a"].fail()
    (await scene.restarting()).connect()
    assert [e.local for e in events if isinstance(e, PathSelected)][1:] == [f"192.0.2.1:{ord('b')}"]


# ---- Retired, dropped, replaced, closed


@in_virtual_time
async def test_retired_ice_generation_closes_when_peer_is_silent() -> None:
    scene = Scripted()
    await scene.connected()
    (await scene.restarting()).nominate()
    await asyncio.sleep(RETIREMENT - 0.1)
    assert scene["a"].closes == 0
    await asyncio.sleep(0.2)
    assert scene["a"].closes == 1
    assert scene.events.states == [CHECKING, CONNECTED]


@in_virtual_time
async def test_retired_ice_generation_stays_while_peer_uses_it() -> None:
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
async def test_retirement_of_ice_generation_is_configurable() -> None:
    scene = Scripted(timing=IceTiming(retirement=1.0))
    await scene.connected()
    (await scene.restarting()).nominate()
    await asyncio.sleep(1.1)
    assert scene["a"].closes == 1


@in_virtual_time
async def test_number_of_retired_ice_generations_is_bounded() -> None:
    scene = Scripted()
    await scene.connected()
    for name in "bcdefgh":
        (await scene.restarting(name)).nominate()
    await asyncio.sleep(0)
    standing = [name for name, made in scene.made.items() if not made.closes]
    assert standing == ["e", "f", "g", "h"]
    assert len(standing) == MAX_RETIRED + 1


@in_virtual_time
async def test_used_ice_generation_outlasts_unused_ones() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].datagrams.receive(DATA)
    (await scene.restarting("b")).nominate()
    for name in "cdef":
        await scene.restarting(name)
    await asyncio.sleep(0)
    assert [name for name, made in scene.made.items() if made.closes] == ["c"]


@in_virtual_time
async def test_second_offered_ice_restart_closes_sockets_of_first() -> None:
    scene = Scripted()
    await scene.connected()
    await scene.ice.open(parameters("b"))
    await scene.ice.open(parameters("c"))
    await asyncio.sleep(0)
    assert (scene["b"].closes, scene["c"].closes) == (1, 0)


@in_virtual_time
async def test_ice_restart_without_sockets_changes_nothing() -> None:
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
async def test_rolled_back_ice_restart_leaves_old_pair() -> None:
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
async def test_rolled_back_provisional_answer_reactivates_old_pair() -> None:
    scene = Scripted()
    await scene.connected()
    (await scene.restarting()).nominate()
    scene.ice.drop("bbbb")
    scene.ice.send(DATA)
    assert (scene.active, scene["a"].datagrams.sent) == ("a", [DATA])
    await asyncio.sleep(2 * RETIREMENT)
    assert (scene["a"].closes, scene["b"].closes) == (0, 1)


@in_virtual_time
async def test_reactivated_ice_generation_gets_full_retirement_again() -> None:
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
async def test_retired_ice_generation_is_drained_before_it_closes() -> None:
    scene = Scripted()
    await scene.connected()
    (await scene.restarting()).nominate()
    scene["a"].datagrams.arriving = [DATA]
    await asyncio.sleep(RETIREMENT + 1)
    assert scene.events.datagrams == [DATA]
    assert scene["a"].closes == 1


@in_virtual_time
async def test_closed_ice_transport_is_not_drained() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].datagrams.arriving = [DATA]
    await scene.ice.close()
    assert scene.events.datagrams == []


@in_virtual_time
async def test_failed_ice_transport_fails_again_when_restart_is_dropped() -> None:
    scene = Scripted()
    await scene.connected()
    scene["a"].fail()
    await scene.restarting()
    scene.ice.drop("bbbb")
    assert scene.events.states[2:] == [FAILED, CHECKING, FAILED]


@in_virtual_time
async def test_only_ice_generation_is_not_dropped() -> None:
    scene = Scripted()
    await scene.connected()
    scene.ice.drop("aaaa")
    await asyncio.sleep(0)
    assert scene["a"].closes == 0


@in_virtual_time
async def test_ice_counters_include_closed_generations() -> None:
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
async def test_close_ends_every_ice_generation_once_and_is_reported_once() -> None:
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
    assert scene.events.states == [CHECKING, CONNECTED, CLOSED]


@in_virtual_time
async def test_closed_ice_transport_opens_and_starts_nothing() -> None:
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
    assert scene.events.states == [CHECKING, CONNECTED, CLOSED]
    assert scene.events.candidates[-1] == ("bbbb", candidate(1))
