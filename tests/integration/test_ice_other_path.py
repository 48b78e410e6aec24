"""A path that dies is replaced by a pair that works, without an ICE restart, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from peer.ice import IceParameters
from peer.states import IceRole, IceTransportState
from peer.transport.ice.timing import IceTiming
from tests.support.clock.deadline import DEADLINE
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.network.ice import End
from tests.support.network.scripted_ice_peer import Address, ScriptedIcePeer, scripted_ice_peer

CONNECTED, FAILED = IceTransportState.CONNECTED, IceTransportState.FAILED
CONTROLLED, CONTROLLING = IceRole.CONTROLLED, IceRole.CONTROLLING
ROLES = [CONTROLLED, CONTROLLING]

DATAGRAM = b"\x16hello"
QUICK = IceTiming(
    consent_interval=0.05, consent_grace=0.05, recheck=0.02, silence=0.1, consent_expiry=10.0
)
BRIEF = replace(QUICK, consent_expiry=1.0)


@dataclass
class Scene:
    """A transport that is connected to the first of its peer's addresses, which are its candidates.

    Attributes:
        doors: The addresses of the peer.
    """

    end: End
    role: IceRole
    doors: list[ScriptedIcePeer] = field(default_factory=list)

    @property
    def address(self) -> Address:
        candidate = self.end.ice.local_candidates[0]
        return candidate.address, candidate.port

    @property
    def door(self) -> int | None:
        """Which address of the peer the selected pair leads to."""
        pair = self.end.ice.selected_pair
        ports = [door.address[1] for door in self.doors]
        return None if pair is None else ports.index(pair[1].port)

    def check(self, door: int, *, nominate: bool = False) -> None:
        """Let the peer check us from one of its addresses."""
        self.doors[door].check(self.address, nominate=nominate, controlling=self.role is CONTROLLED)

    async def checked(self, door: int, times: int = 1) -> None:
        """Wait until we have checked an address of the peer so many times more."""
        checks = self.doors[door].checks
        enough = len(checks) + times
        await self.doors[door].until(lambda: len(checks) >= enough)

    async def moved_to_second(self) -> None:
        """Let the first address die, and check from the second until the path leads there."""
        self.doors[0].answering = False
        async with asyncio.timeout(DEADLINE):
            while self.door == 0:
                self.check(1)
                await asyncio.sleep(QUICK.recheck)

    async def moved(self, door: int) -> None:
        """Wait until the path leads to an address of the peer."""
        await self.end.seen.until(lambda: self.door == door)


@asynccontextmanager
async def connected(
    role: IceRole, *, doors: int = 2, timing: IceTiming = QUICK, nominate: bool = True
) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        end = End(timing=timing)
        stack.push_async_callback(end.ice.close)
        await end.ice.gather()
        own = IceParameters.generate()
        scene = Scene(end, role)
        for _ in range(doors):
            door = await stack.enter_async_context(scripted_ice_peer(own, end.ice.local))
            scene.doors.append(door)
        end.ice.start(own, role)
        scene.check(0, nominate=nominate and role is CONTROLLED)
        await end.seen.connected()
        assert scene.door == 0
        for door in scene.doors[1:]:
            end.ice.add_remote_candidate(door.candidate)
        yield scene


@pytest.mark.parametrize("role", ROLES)
@in_virtual_time
async def test_path_that_dies_is_replaced_by_a_pair_that_was_never_checked(role: IceRole) -> None:
    async with connected(role) as scene:
        assert scene.doors[1].checks == []
        scene.doors[0].answering = False
        await scene.moved(1)
        assert scene.end.ice.datagrams.send(DATAGRAM)
        await scene.doors[1].until(lambda: scene.doors[1].datagrams == [DATAGRAM])
        assert FAILED not in scene.end.seen.states


@pytest.mark.parametrize("role", ROLES)
@in_virtual_time
async def test_peer_that_checks_from_a_new_port_is_followed_there(role: IceRole) -> None:
    async with connected(role) as scene:
        scene.doors[0].answering = False
        # As a NAT does it: no candidate tells of the port.
        scene.check(1)
        await scene.moved(1)
        scene.doors[1].send(DATAGRAM, scene.address)
        await scene.end.seen.until(lambda: scene.end.seen.datagrams == [DATAGRAM])


@pytest.mark.parametrize("role", ROLES)
@in_virtual_time
async def test_checks_of_the_peer_by_another_way_have_the_path_checked_before_its_time(
    role: IceRole,
) -> None:
    timing = replace(QUICK, consent_interval=1000.0, consent_expiry=1000.0)
    async with connected(role, timing=timing) as scene:
        await scene.moved_to_second()


@in_virtual_time
async def test_controlling_agent_nominates_the_pair_that_takes_over() -> None:
    async with connected(CONTROLLING) as scene:
        scene.doors[0].answering = False
        await scene.moved(1)
        before = len(scene.doors[1].checks)
        await scene.checked(1)
        assert "USE-CANDIDATE" in scene.doors[1].checks[before].attributes


@pytest.mark.parametrize("role", ROLES)
@in_virtual_time
async def test_pair_that_took_over_has_its_own_consent(role: IceRole) -> None:
    async with connected(role, timing=BRIEF) as scene:
        scene.doors[0].answering = False
        await scene.moved(1)
        scene.doors[1].answering = False
        await scene.end.seen.reached(FAILED)
        assert "consent" in str(scene.end.ice.error)


@pytest.mark.parametrize("role", ROLES)
@in_virtual_time
async def test_late_answer_of_the_former_path_is_no_consent_for_the_present_one(
    role: IceRole,
) -> None:
    timing = replace(QUICK, consent_interval=1000.0, consent_expiry=1000.0)
    async with connected(role, timing=timing) as scene:
        await scene.moved_to_second()
        async with asyncio.timeout(DEADLINE):
            while scene.end.ice.datagrams.round_trip_time is None:
                scene.check(1)
                await asyncio.sleep(QUICK.recheck)
        before = scene.end.ice.datagrams.round_trip_time
        scene.doors[0].answer_latest(scene.address)
        answers = len(scene.doors[0].answers)
        scene.check(0)
        await scene.doors[0].until(lambda: len(scene.doors[0].answers) > answers)
        assert scene.end.ice.datagrams.round_trip_time == before


@pytest.mark.parametrize("role", ROLES)
@in_virtual_time
async def test_path_that_answers_stays_though_the_peer_checks_another(role: IceRole) -> None:
    timing = replace(QUICK, consent_grace=0.3)
    async with connected(role, timing=timing) as scene:
        for _ in range(8):
            scene.check(1)
            await scene.checked(0)
        assert scene.door == 0


@in_virtual_time
async def test_path_moves_on_each_time_that_it_dies() -> None:
    async with connected(CONTROLLING, doors=4) as scene:
        for alive in (2, 1, 3, 0):
            for number, door in enumerate(scene.doors):
                door.answering = number == alive
            await scene.moved(alive)
        assert FAILED not in scene.end.seen.states


@pytest.mark.parametrize("role", ROLES)
@in_virtual_time
async def test_path_on_which_nothing_else_answers_stays_and_comes_back(role: IceRole) -> None:
    async with connected(role) as scene:
        first, second = scene.doors
        first.answering = second.answering = False
        await scene.checked(1, times=3)
        assert scene.door == 0
        first.answering = True
        await scene.checked(0, times=4)
        assert scene.door == 0
        assert scene.end.ice.state is CONNECTED


@in_virtual_time
async def test_nomination_of_a_dead_pair_is_followed_only_when_it_answers() -> None:
    async with connected(CONTROLLED) as scene:
        scene.doors[0].answering = False
        await scene.moved(1)
        scene.check(0, nominate=True)
        await scene.checked(0)
        assert scene.door == 1
        scene.doors[0].answering = True
        scene.check(0, nominate=True)
        await scene.moved(0)


@in_virtual_time
async def test_pair_of_a_peer_that_never_nominates_is_replaced_as_well() -> None:
    async with connected(CONTROLLED, nominate=False) as scene:
        assert not scene.end.ice.nominated
        scene.doors[0].answering = False
        await scene.moved(1)
        assert not scene.end.ice.nominated


@in_virtual_time
async def test_path_that_took_over_says_why() -> None:
    async with connected(CONTROLLING) as scene:
        before = scene.end.ice.path_reason
        scene.doors[0].answering = False
        await scene.moved(1)
        assert (before, scene.end.ice.path_reason) == (
            "",
            "the one before answers no check any more",
        )


@in_virtual_time
async def test_probes_of_many_dead_candidates_are_bounded_and_end_with_the_transport() -> None:
    async with connected(CONTROLLING, doors=40, timing=replace(BRIEF, pacing=0.001)) as scene:
        for door in scene.doors:
            door.answering = False
        await scene.end.seen.reached(FAILED)
        (socket,) = scene.end.ice._agent.sockets  # noqa: SLF001 - nobody else sees transactions
        # Those of consent may still be answered, by nobody.
        assert len(socket.transactions) <= 8
