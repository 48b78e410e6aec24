"""Lost and late datagrams while the keys change."""

from __future__ import annotations

import asyncio

import pytest

from peer.states import DtlsRole
from peer.transport.wire.dtls_records import ContentType
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.secure import rtp
from tests.support.links.succession import (
    Losing,
    Pair,
    Road,
    assert_all_came,
    changes,
    flowing,
    handshake,
)

BOTH_WAYS = ["keys switched", "rekey completed"]


@pytest.mark.parametrize("lost", [1, 2, 3])
@pytest.mark.parametrize("direction", ["there", "back"])
@pytest.mark.parametrize("answer", list(DtlsRole))
@pytest.mark.conformance("6.8-rekey")
def test_lost_flights_cost_time_and_no_packets(lost: int, direction: str, answer: DtlsRole) -> None:
    @in_virtual_time
    async def run() -> None:
        pair = await Pair.connected(Road(delay=0.02), Road(delay=0.02))
        flows = await flowing(pair)
        road: Road = getattr(pair, direction)
        road.keeps = Losing(lost)

        await pair.rekey(pair.client, answer=answer)

        await assert_all_came(*flows)
        assert changes(pair.client) == changes(pair.server) == BOTH_WAYS

    run()


@in_virtual_time
async def test_without_traffic_something_small_is_said_until_the_new_keys_are_heard() -> None:
    pair = await Pair.connected(Road(delay=0.01), Road(delay=0.01))
    loop = asyncio.get_running_loop()
    begun = loop.time()

    await pair.rekey(pair.server)

    assert loop.time() - begun < 0.1
    assert changes(pair.client) == changes(pair.server) == BOTH_WAYS


@in_virtual_time
async def test_what_is_said_first_under_the_new_keys_may_be_lost() -> None:
    pair = await Pair.connected(Road(delay=0.01), Road(delay=0.01))
    pair.there.keeps = Losing(3, lambda datagram: datagram[0] >= 128)

    await pair.rekey(pair.server)

    assert pair.client.events.probes >= 4


@in_virtual_time
async def test_probing_ends() -> None:
    pair = await Pair.connected()
    await pair.rekey(pair.server)
    await asyncio.sleep(60)

    assert pair.client.events.probes <= 2
    assert pair.server.events.probes == 6


@in_virtual_time
async def test_a_call_that_nobody_expects_is_nothing() -> None:
    pair = await Pair.connected()
    hello = pair.there.wire[0]
    flows = await flowing(pair)

    for _ in range(5):
        pair.server.secure.receive(hello)
        pair.client.secure.receive(hello)

    await assert_all_came(*flows)


@in_virtual_time
async def test_the_rest_of_a_former_handshake_does_not_spoil_the_next_one() -> None:
    pair = await Pair.connected()
    former = [datagram for datagram in pair.there.wire if handshake(datagram)][1:]
    number = pair.offer(pair.server)
    for datagram in former:
        pair.server.secure.receive(datagram)

    pair.answer(pair.server)
    pair.conclude(pair.server)

    await pair.replaced(number)


@in_virtual_time
async def test_what_no_association_takes_is_counted_once() -> None:
    pair = await Pair.connected()
    pair.offer(pair.server)
    before = pair.server.secure.stats()

    pair.server.secure.receive(b"\x00" * 20)
    await pair.rekey(pair.client)
    pair.server.secure.receive(rtp(1))

    after = pair.server.secure.stats()
    assert after.dropped_unexpected == before.dropped_unexpected + 1
    assert after.dropped_unauthentic == before.dropped_unauthentic + 1


@in_virtual_time
async def test_a_flight_that_the_peer_has_is_not_repeated_beside_another_handshake() -> None:
    pair = await Pair.connected()
    late = [datagram for datagram in pair.there.wire if handshake(datagram)][-1]
    pair.server.secure.receive(late)
    assert handshake(pair.back.wire[-1])
    pair.client.secure.send_data(b"data")
    await asyncio.sleep(1)
    pair.offer(pair.server)
    said = len(pair.back.wire)

    pair.server.secure.receive(late)

    assert len(pair.back.wire) == said


@in_virtual_time
async def test_what_overtakes_the_end_of_the_handshake_counts_as_heard() -> None:
    pair = await Pair.connected()
    client, number = pair.client, pair.offer(pair.client)
    server = pair.another_server()
    server.connect(DtlsRole.SERVER, client.fingerprints, number)
    server.ice()
    pair.back.keeps = Losing(1, lambda datagram: datagram[0] == ContentType.CHANGE_CIPHER_SPEC)
    client.connect(DtlsRole.CLIENT, server.fingerprints, number)
    await server.secure.connected()
    server.secure.send_rtp(rtp(1))
    await asyncio.sleep(1)

    assert client.events.rtp == [rtp(1)]
    assert client.events.changes == [("keys switched", number), ("rekey completed", number)]
