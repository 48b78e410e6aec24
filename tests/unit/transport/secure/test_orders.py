"""Changes of keys that are dropped, closed or overtaken."""

from __future__ import annotations

import asyncio

import pytest

from peer.errors import InvalidStateError
from peer.states import DtlsRole, DtlsTransportState
from peer.tracing.events import (
    AssociationRetired,
    FingerprintChecked,
    HandshakeCompleted,
    KeysSwitched,
    TraceEvent,
)
from peer.tracing.tracer import Tracer
from peer.transport.tap import Tap
from tests.support.clock.clock import Clock
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.succession import Pair, Road, assert_all_came, changes, flowing

CLIENT = DtlsRole.CLIENT
SERVER = DtlsRole.SERVER
CONNECTED = DtlsTransportState.CONNECTED
CLOSED = DtlsTransportState.CLOSED
BOTH_WAYS = ["keys switched", "rekey completed"]


@pytest.mark.parametrize("moment", range(12))
@pytest.mark.parametrize("side", [0, 1])
def test_dropping_it_at_any_moment_leaves_both_with_the_same_keys(moment: int, side: int) -> None:
    @in_virtual_time
    async def run() -> None:
        pair = await Pair.connected(Road(delay=0.01), Road(delay=0.01))
        number = pair.offer(pair.server)
        pair.answer(pair.server)
        pair.conclude(pair.server)
        await asyncio.sleep(moment * 0.005)

        pair.ends[side].secure.drop(number)
        pair.ends[1 - side].secure.drop(number)
        flows = await flowing(pair)

        await assert_all_came(*flows)
        await asyncio.sleep(31)
        used = {end.secure.stats().association for end in pair.ends}
        assert used == ({0} if moment < 9 else {number})

    run()


@pytest.mark.parametrize("moment", range(12))
@pytest.mark.parametrize("side", [0, 1])
def test_closing_at_any_moment_leaves_nothing_behind(moment: int, side: int) -> None:
    @in_virtual_time
    async def run() -> None:
        pair = await Pair.connected(Road(delay=0.01), Road(delay=0.01))
        pair.offer(pair.server)
        pair.answer(pair.server)
        pair.conclude(pair.server)
        await asyncio.sleep(moment * 0.005)

        await pair.ends[side].secure.close()
        await asyncio.sleep(6)
        # A server whose client closes before it has the Finished cannot tell that from a client
        # that closes the old association and is slow with the new one. Consent can.
        is_slow = side == 0 and 5 <= moment <= 8
        assert pair.ends[1 - side].secure.state is (CONNECTED if is_slow else CLOSED)
        await pair.ends[1 - side].secure.close()

        assert asyncio.all_tasks() == {asyncio.current_task()}

    run()


@in_virtual_time
async def test_the_number_of_a_dropped_association_is_used_again() -> None:
    pair = await Pair.connected()
    number = pair.offer(pair.client)
    pair.client.secure.drop(number)
    pair.association -= 1

    await pair.rekey(pair.server)

    assert pair.client.secure.stats().association == number


@in_virtual_time
async def test_a_next_one_that_listens_gives_way_to_a_client() -> None:
    pair = await Pair.connected()

    await pair.rekey(pair.client, answer=SERVER)

    assert pair.client.secure.role is CLIENT
    assert pair.server.secure.role is SERVER
    assert changes(pair.client) == BOTH_WAYS


@in_virtual_time
async def test_roles_are_swapped_by_a_new_association() -> None:
    pair = await Pair.connected()

    await pair.rekey(pair.client)

    assert pair.client.secure.role is SERVER
    assert pair.server.secure.role is CLIENT


@in_virtual_time
async def test_a_newer_association_takes_the_place_of_one_that_is_not_complete() -> None:
    pair = await Pair.connected()
    pair.offer(pair.client)

    await pair.rekey(pair.client)

    assert (
        "rekey failed",
        1,
        "a newer association has taken its place",
    ) in pair.client.events.changes
    assert pair.server.events.changes == [("keys switched", 2), ("rekey completed", 2)]


@in_virtual_time
async def test_a_newer_association_makes_certain_of_one_that_is_complete() -> None:
    pair = await Pair.connected(Road(delay=0.05), Road(delay=0.05))
    pair.offer(pair.client)
    pair.answer(pair.client)
    pair.conclude(pair.client)
    await pair.changed(pair.server, ("keys switched", 1))

    pair.server.listen(2)

    assert pair.server.events.changes == [("keys switched", 1), ("rekey completed", 1)]


@in_virtual_time
async def test_an_association_whose_place_is_taken_cannot_be_connected() -> None:
    pair = await Pair.connected()
    await pair.rekey(pair.client)

    pair.client.listen(0)
    with pytest.raises(InvalidStateError, match="followed association 0"):
        pair.client.connect(SERVER, pair.server.fingerprints, 0)


@in_virtual_time
async def test_the_next_one_may_be_complete_before_the_first() -> None:
    pair = await Pair.connected()
    client, server = pair.another_client(), pair.another_server()
    server.connect(SERVER, client.fingerprints, 0)
    for end in (client, server):
        end.ice()
    client.listen(1)
    server.connect(CLIENT, client.fingerprints, 1)
    client.connect(SERVER, server.fingerprints, 1)
    await asyncio.gather(client.secure.connected(), server.secure.connected())

    assert server.events.changes == [("keys switched", 1), ("rekey completed", 1)]
    assert server.secure.stats().association == 1
    assert server.events.states == [DtlsTransportState.CONNECTING, CONNECTED]


@in_virtual_time
async def test_the_trace_tells_of_switches_and_of_keys_that_were_wiped() -> None:
    told: list[TraceEvent] = []
    pair = await Pair.connected(tap=Tap("0", Tracer("pc-1", told.append, clock=Clock())))
    await pair.rekey(pair.client)
    pair.offer(pair.client)
    pair.client.secure.drop(2)
    pair.offer(pair.server)
    pair.server.secure.drop(3)
    await asyncio.sleep(121)

    switches = [(e.direction, e.association) for e in told if isinstance(e, KeysSwitched)]
    assert sorted(switches) == [("in", 1), ("out", 1)]
    wiped = [e.association for e in told if isinstance(e, AssociationRetired)]
    assert wiped == [3, 0]
    assert [e.association for e in told if isinstance(e, HandshakeCompleted)] == [0, 1]
    assert [e.association for e in told if isinstance(e, FingerprintChecked)] == [0, 1]
