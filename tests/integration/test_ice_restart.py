"""ICE restarts on loopback while datagrams flow: real sockets, checks and nominations."""

from __future__ import annotations

import pytest

from peer.ice import IceParameters
from peer.states import IceRole, IceTransportState
from peer.transport.ice.timing import IceTiming
from tests.support.links.ice_restarts import (
    UP,
    Side,
    agree,
    begin,
    connected_sides,
    opened,
    restart,
    two_sides,
    under_load,
    until_both_active,
)
from tests.support.network.scripted_ice_peer import scripted_ice_peer

CHECKING = IceTransportState.CHECKING
DISCONNECTED, FAILED = IceTransportState.DISCONNECTED, IceTransportState.FAILED
CLOSED = IceTransportState.CLOSED

DATA = b"\x80data"
RESTARTS = 100
#: So that many datagrams go each way between two restarts.
BETWEEN = 10
# A peer that has gone is noticed within a second.
QUICK = IceTiming(consent_interval=0.05, consent_grace=0.1, silence=0.2, consent_expiry=0.6)


async def test_hundred_ice_restarts_lose_and_duplicate_nothing() -> None:
    async with connected_sides() as pair, under_load(pair) as load:
        for number in range(RESTARTS):
            await restart(pair, first=number % 2)
            await load.more(BETWEEN)
        assert all(set(side.states) <= {CHECKING, *UP} for side in pair)


async def test_overlapping_ice_restarts_lose_and_duplicate_nothing() -> None:
    async with connected_sides() as pair, under_load(pair) as load:
        for _ in range(10):
            for first in (0, 1, 0):
                await begin(pair, first=first)
            await restart(pair)
            await load.more(BETWEEN)


async def test_ice_generations_retiring_under_load_lose_and_duplicate_nothing() -> None:
    async with connected_sides(IceTiming(retirement=0.02)) as pair, under_load(pair) as load:
        for _ in range(20):
            former = [side.made[side.active] for side in pair]
            await restart(pair)
            for side, ice in zip(pair, former, strict=True):
                await side.ended(ice, CLOSED)
            await load.more(BETWEEN)


async def test_ice_restart_begun_by_one_side_moves_no_data() -> None:
    async with connected_sides() as pair, under_load(pair) as load:
        left, right = pair
        former = left.active, right.active
        credentials = ours, theirs = await opened(pair)
        # The answerer has begun: its checks are here before its answer is.
        right.exchange(theirs, ours, left)
        left.exchange(ours, theirs, right)
        right.start(theirs, ours)
        await load.more(50)
        assert (left.active, right.active) == former
        left.start(ours, theirs)
        await until_both_active(pair, credentials)


async def test_rolled_back_ice_restart_moves_no_data() -> None:
    async with connected_sides() as pair, under_load(pair) as load:
        left, right = pair
        former = left.active, right.active
        for _ in range(10):
            for side, local in zip(pair, await opened(pair), strict=True):
                side.ice.drop(local.username_fragment)
            await load.more(BETWEEN)
        assert (left.active, right.active) == former
        await restart(pair)


async def test_rolled_back_provisional_ice_restart_loses_nothing() -> None:
    async with connected_sides() as pair, under_load(pair) as load:
        former = [side.active for side in pair]
        for side, local in zip(pair, await restart(pair), strict=True):
            await load.more(BETWEEN)
            side.ice.drop(local.username_fragment)
        assert [side.active for side in pair] == former


@pytest.mark.parametrize("state", [DISCONNECTED, FAILED])
async def test_ice_restart_revives_lost_connection(state: IceTransportState) -> None:
    async with connected_sides(QUICK) as (left, gone):
        await gone.ice.close()
        await left.until(lambda: left.ice.state is state)
        back = Side(IceRole.CONTROLLED, QUICK)
        try:
            await back.ice.gather()
            fresh = IceParameters.generate()
            await left.ice.open(fresh)
            agree((left, back), (fresh, back.ice.local))
            assert left.ice.state is CHECKING
            await left.up()
            assert left.ice.error is None
            await back.up()
            assert left.ice.send(DATA)
            await back.until(lambda: back.datagrams == [DATA])
        finally:
            await back.ice.close()


async def test_peer_that_closes_old_ice_generation_at_once_fails_nothing() -> None:
    async with connected_sides(QUICK) as pair:
        left, right = pair
        former = left.made[left.active], right.made[right.active]
        async with under_load(pair) as load:
            await restart(pair)
            await load.more(BETWEEN)
        await former[1].close()
        async with under_load(pair):
            await left.ended(former[0], FAILED)
        assert left.ice.state in UP
        assert FAILED not in left.states
        assert DISCONNECTED not in left.states


async def test_ice_restart_keeps_repaired_role() -> None:
    async with two_sides() as (left, right):
        # Both believe that they control.
        right.role = IceRole.CONTROLLING
        agree((left, right), (left.ice.local, right.ice.local))
        for side in (left, right):
            await side.up()
        roles = left.ice.role, right.ice.role
        assert set(roles) == set(IceRole)
        for _ in range(5):
            await restart((left, right))
            assert (left.ice.role, right.ice.role) == roles


async def test_check_with_old_credentials_is_refused_by_new_generation() -> None:
    async with connected_sides() as pair:
        left, right = pair
        former = left.ice.local
        ours, _ = await restart(pair)
        address = left.made[ours.username_fragment].local_candidates[0]
        async with scripted_ice_peer(right.ice.local, former) as peer:
            peer.check((address.address, address.port))
            await peer.until(lambda: bool(peer.answers))
            assert peer.answers[0].attributes["ERROR-CODE"][0] == 401
            unvalidated = left.ice.counters.packets_unvalidated
            peer.send(DATA, (address.address, address.port))
            assert left.ice.send(DATA)
            await right.until(lambda: right.datagrams == [DATA])
            assert right.ice.send(DATA)
            await left.until(lambda: bool(left.datagrams))
            assert left.ice.counters.packets_unvalidated == unvalidated + 1
            assert left.datagrams == [DATA]


async def test_burst_is_received_though_its_ice_generation_closes() -> None:
    async with connected_sides() as pair:
        left, right = pair
        former = left.made[left.active], right.active
        await restart(pair)
        burst = [b"\x80" + bytes([number]) for number in range(200)]
        for datagram in burst:
            assert former[0].datagrams.send(datagram)
        right.ice.drop(former[1])
        await right.received(len(burst))
        assert right.datagrams == burst
