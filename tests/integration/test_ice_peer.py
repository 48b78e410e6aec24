"""ICE against a scripted peer: unvalidated sources, nominations, floods."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from peer.ice import CandidateFields, IceParameters
from peer.states import IceRole, IceTransportState
from peer.transport.adapters.check_list import MAX_PAIRS, MAX_REMOTE_CANDIDATES
from peer.transport.adapters.ice_agent import MAX_ROLE_SWITCHES
from tests.support.clock.deadline import DEADLINE
from tests.support.clock.own_time import own_time
from tests.support.network.ice import LOOPBACK, End
from tests.support.network.scripted_ice_peer import Address, ScriptedIcePeer, scripted_ice_peer

if TYPE_CHECKING:
    from peer.transport.ice.transport import IceGeneration

DATAGRAM = b"\x16\xfe\xfdhello"
CONTROLLED, CONTROLLING = IceRole.CONTROLLED, IceRole.CONTROLLING


class Scene:
    """A transport under test and the addresses of its peer."""

    def __init__(self, stack: AsyncExitStack, interfaces: Sequence[str] = LOOPBACK) -> None:
        self.end = End(interfaces=interfaces)
        self.ice = self.end.ice
        self.seen = self.end.seen
        self.credentials = IceParameters.generate()
        self._stack = stack

    @property
    def address(self) -> Address:
        candidate = self.ice.local_candidates[0]
        return candidate.address, candidate.port

    async def peer(self, credentials: IceParameters | None = None) -> ScriptedIcePeer:
        """Another address of the peer; of a stranger where it has credentials of its own."""
        own = self.credentials if credentials is None else credentials
        return await self._stack.enter_async_context(scripted_ice_peer(own, self.ice.local))

    def start(self, role: IceRole = CONTROLLED) -> None:
        self.ice.start(self.credentials, role)

    async def connect(self, peer: ScriptedIcePeer, role: IceRole = CONTROLLED) -> None:
        self.start(role)
        peer.check(self.address, nominate=True, controlling=role is CONTROLLED)
        await self.seen.connected()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        made = Scene(stack)
        stack.push_async_callback(made.ice.close)
        await made.ice.gather()
        yield made


async def barrier(scene: Scene, peer: ScriptedIcePeer) -> None:
    """Return when everything that the peer has sent so far was taken in."""
    before = len(peer.answers)
    peer.check(scene.address)
    await peer.until(lambda: len(peer.answers) > before)


async def selected(scene: Scene, peer: ScriptedIcePeer) -> None:
    """Return when the path leads to this address of the peer."""
    async with asyncio.timeout(DEADLINE):
        while selected_port(scene) != peer.address[1]:
            await barrier(scene, peer)


async def test_datagram_of_unvalidated_source_is_dropped(scene: Scene) -> None:
    peer = await scene.peer()
    stranger = await scene.peer(IceParameters.generate())
    await scene.connect(peer)
    stranger.send(DATAGRAM, scene.address)
    await barrier(scene, peer)
    assert scene.seen.datagrams == []
    assert scene.ice.counters.packets_unvalidated == 1


async def test_datagram_of_unvalidated_source_before_start_is_dropped(scene: Scene) -> None:
    stranger, peer = await scene.peer(), await scene.peer()
    stranger.send(DATAGRAM, scene.address)
    await barrier(scene, peer)
    assert scene.seen.datagrams == []
    assert scene.ice.counters.packets_unvalidated == 1


async def test_check_with_wrong_password_validates_no_source(scene: Scene) -> None:
    stranger, peer = await scene.peer(), await scene.peer()
    stranger.check(scene.address, password="x" * 22)
    stranger.send(DATAGRAM, scene.address)
    await barrier(scene, peer)
    assert [answer.error_code for answer in stranger.answers] == [401]
    assert scene.seen.datagrams == []
    assert scene.ice.counters.packets_unvalidated == 1


async def test_signalled_candidate_alone_validates_no_source(scene: Scene) -> None:
    peer, other = await scene.peer(), await scene.peer()
    scene.ice.add_remote_candidate(peer.candidate)
    peer.send(DATAGRAM, scene.address)
    await barrier(scene, other)
    assert scene.ice.counters.packets_unvalidated == 1


async def test_authenticated_check_validates_its_source_before_start(scene: Scene) -> None:
    peer = await scene.peer()
    peer.check(scene.address)
    peer.send(DATAGRAM, scene.address)
    await scene.seen.until(lambda: scene.seen.datagrams == [DATAGRAM])
    assert scene.ice.datagrams.send(b"\x16reply")
    await peer.until(lambda: peer.datagrams == [b"\x16reply"])


async def test_path_before_start_is_that_of_latest_check(scene: Scene) -> None:
    first, second = await scene.peer(), await scene.peer()
    await barrier(scene, first)
    await barrier(scene, second)
    scene.ice.datagrams.send(DATAGRAM)
    await second.until(lambda: second.datagrams == [DATAGRAM])
    assert first.datagrams == []


@pytest.mark.parametrize("controlling", [True, False])
async def test_check_before_start_causes_no_role_conflict(scene: Scene, controlling: bool) -> None:
    peer = await scene.peer()
    peer.check(scene.address, controlling=controlling, tie_breaker=2**64 - 1)
    peer.check(scene.address, controlling=controlling, tie_breaker=0)
    await peer.until(lambda: len(peer.answers) == 2)
    assert [answer.error_code for answer in peer.answers] == [None, None]


async def test_check_before_start_triggers_check_after_start(scene: Scene) -> None:
    peer = await scene.peer()
    peer.check(scene.address, nominate=True)
    await peer.until(lambda: bool(peer.answers))
    scene.start()
    await scene.seen.connected()
    assert [c.type for c in scene.ice.remote_candidates] == ["prflx"]


async def test_nomination_is_reported_though_ice_state_stays(scene: Scene) -> None:
    peer = await scene.peer()
    scene.start()
    peer.check(scene.address)
    await scene.seen.connected()
    paths, before = scene.seen.paths, scene.ice.nominated
    peer.check(scene.address, nominate=True)
    await scene.seen.until(lambda: scene.seen.paths > paths)
    assert (before, scene.ice.nominated) == (False, True)
    assert scene.seen.states == [IceTransportState.CHECKING, IceTransportState.CONNECTED]


async def test_peer_that_never_nominates_is_connected(scene: Scene) -> None:
    peer = await scene.peer()
    scene.start()
    scene.ice.add_remote_candidate(None)
    peer.check(scene.address)
    await scene.seen.connected()
    assert scene.ice.state is IceTransportState.CONNECTED
    assert scene.ice.datagrams.send(DATAGRAM)
    await peer.until(lambda: peer.datagrams == [DATAGRAM])


async def test_later_nomination_moves_the_path(scene: Scene) -> None:
    first, second = await scene.peer(), await scene.peer()
    await scene.connect(first)
    second.check(scene.address, nominate=True)
    await selected(scene, second)
    scene.ice.datagrams.send(DATAGRAM)
    await second.until(lambda: second.datagrams == [DATAGRAM])
    assert first.datagrams == []


async def test_nomination_moves_the_path_back(scene: Scene) -> None:
    first, second = await scene.peer(), await scene.peer()
    await scene.connect(first)
    second.check(scene.address, nominate=True)
    await selected(scene, second)
    first.check(scene.address, nominate=True)
    await selected(scene, first)


async def test_former_path_is_still_received_on(scene: Scene) -> None:
    first, second = await scene.peer(), await scene.peer()
    await scene.connect(first)
    second.check(scene.address, nominate=True)
    await selected(scene, second)
    first.send(DATAGRAM, scene.address)
    await scene.seen.until(lambda: scene.seen.datagrams == [DATAGRAM])


async def test_check_without_nomination_does_not_move_the_path(scene: Scene) -> None:
    first, second = await scene.peer(), await scene.peer()
    await scene.connect(first)
    second.check(scene.address)
    await second.checked()
    await barrier(scene, second)
    assert selected_port(scene) == first.address[1]


async def test_controlling_agent_keeps_its_nominated_pair(scene: Scene) -> None:
    first, second = await scene.peer(), await scene.peer()
    await scene.connect(first, CONTROLLING)
    second.check(scene.address, controlling=False)
    await second.checked()
    second.check(scene.address, controlling=False)
    await second.until(lambda: len(second.answers) == 2)
    assert "USE-CANDIDATE" not in second.checks[0].attributes
    assert selected_port(scene) == first.address[1]


async def test_check_of_peer_triggers_repeat_of_check_in_progress(scene: Scene) -> None:
    """The peer's NAT was closed to our first check; waiting for its repetition takes 500 ms."""
    peer = await scene.peer()
    peer.answering = False
    scene.ice.add_remote_candidate(peer.candidate)
    scene.start()
    await peer.until(lambda: len(peer.checks) == 1)
    peer.check(scene.address)
    with own_time() as took:
        await peer.until(lambda: len(peer.checks) == 2)
    assert took.seconds < 0.4
    assert peer.checks[0].transaction_id == peer.checks[1].transaction_id


async def test_nomination_ends_other_checks(scene: Scene) -> None:
    silent, peer = await scene.peer(), await scene.peer()
    silent.answering = False
    scene.ice.add_remote_candidate(silent.candidate)
    scene.start(CONTROLLING)
    await silent.until(lambda: len(silent.checks) == 1)
    scene.ice.add_remote_candidate(peer.candidate)
    await scene.seen.connected()
    # A check that still went on would be repeated now, with the transaction that it has.
    silent.check(scene.address, controlling=False)
    await silent.until(lambda: len(silent.checks) == 2)
    assert silent.checks[0].transaction_id != silent.checks[1].transaction_id


async def test_check_without_priority_is_answered_and_ignored(scene: Scene) -> None:
    peer = await scene.peer()
    scene.start()
    peer.check(scene.address, without="PRIORITY")
    await peer.until(lambda: bool(peer.answers))
    assert scene.ice.remote_candidates == ()


@pytest.mark.parametrize(
    "datagram",
    [
        b"\x00",
        b"\x00\x01\x00\x00" + bytes(15),
        # PRIORITY of one byte, with which aioice 0.13 raises struct.error.
        struct.pack("!HHI12sHHB3x", 1, 8, 0x2112A442, bytes(12), 0x24, 1, 0),
        # A well-formed Binding request but for the magic cookie.
        struct.pack("!HHI12s", 1, 0, 0, bytes(12)),
    ],
)
async def test_malformed_stun_is_counted_and_ignored(scene: Scene, datagram: bytes) -> None:
    peer = await scene.peer()
    peer.send(datagram, scene.address)
    await barrier(scene, peer)
    assert scene.ice.counters.packets_malformed == 1


async def test_signalled_remote_candidates_are_bounded(scene: Scene) -> None:
    fill(scene.ice, MAX_REMOTE_CANDIDATES + 10)
    assert len(scene.ice.remote_candidates) == MAX_REMOTE_CANDIDATES
    assert scene.ice.counters.candidates_ignored == 10


async def test_peer_reflexive_candidates_are_bounded(scene: Scene) -> None:
    peer = await scene.peer()
    await scene.connect(peer)
    fill(scene.ice, MAX_REMOTE_CANDIDATES - 1)
    late = await scene.peer()
    late.check(scene.address)
    await late.until(lambda: bool(late.answers))
    assert len(scene.ice.remote_candidates) == MAX_REMOTE_CANDIDATES


async def test_full_candidate_table_still_follows_known_peer(scene: Scene) -> None:
    first, second = await scene.peer(), await scene.peer()
    await scene.connect(first)
    second.check(scene.address)
    await second.checked()
    fill(scene.ice, MAX_REMOTE_CANDIDATES - 1)
    second.check(scene.address, nominate=True)
    await selected(scene, second)


async def test_full_check_list_still_follows_known_peer() -> None:
    async with AsyncExitStack() as stack:
        scene = Scene(stack, [f"127.0.0.{n}" for n in range(1, 9)])
        stack.push_async_callback(scene.ice.close)
        await scene.ice.gather()
        first, second = await scene.peer(), await scene.peer()
        await scene.connect(first)
        second.check(scene.address)
        await second.checked()
        # Two pairs there are; 63 candidates for eight sockets and six checks make it 512.
        fill(scene.ice, MAX_REMOTE_CANDIDATES // 2)
        third = await scene.peer()
        for host in scene.ice.local_candidates[:6]:
            third.check((host.address, host.port))
        await third.until(lambda: len(third.answers) == 6)
        second.check(scene.address, nominate=True)
        await selected(scene, second)


async def test_candidate_pairs_are_bounded() -> None:
    addresses = [f"127.0.0.{n}" for n in range(1, 9)]
    end = End(interfaces=addresses)
    try:
        await end.ice.gather()
        fill(end.ice, MAX_REMOTE_CANDIDATES)
        agent = end.ice._agent  # noqa: SLF001 - nobody else sees the check list
        assert len(agent._check_list) == MAX_PAIRS  # noqa: SLF001 - as above
    finally:
        await end.ice.close()


async def test_checks_fail_after_endless_role_conflicts(scene: Scene) -> None:
    peer = await scene.peer()
    peer.error = 487
    scene.ice.add_remote_candidate(peer.candidate)
    scene.start(CONTROLLING)
    await peer.until(lambda: len(peer.checks) == MAX_ROLE_SWITCHES + 1)
    peer.error = None
    await barrier(scene, peer)
    assert len(peer.checks) == MAX_ROLE_SWITCHES + 1
    assert scene.ice.state is IceTransportState.CHECKING


def fill(ice: IceGeneration, count: int) -> None:
    """Signal so many candidates that nobody stands behind."""
    for number in range(1, count + 1):
        port = 1024 + number
        ice.add_remote_candidate(CandidateFields("1", 1, "udp", number, "127.0.0.1", port, "host"))


def selected_port(scene: Scene) -> int | None:
    pair = scene.ice.selected_pair
    return None if pair is None else pair[1].port
