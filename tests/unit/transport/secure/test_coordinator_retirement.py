"""The end of the old association in a rekey: closed by the peer first, or wiped after a time."""

from __future__ import annotations

import asyncio

import pytest

from peer.states import DtlsRole, DtlsTransportState
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.rekey import DelayedLink, Pair, assert_all_arrived, changes, start_flows
from tests.support.links.secure import rtp, until

CLIENT = DtlsRole.CLIENT
SERVER = DtlsRole.SERVER
CONNECTED = DtlsTransportState.CONNECTED
CLOSED = DtlsTransportState.CLOSED
BOTH_WAYS = ["keys switched", "rekey completed"]


@in_virtual_time
async def test_packets_queued_between_close_and_handshake_are_sent_first_in_order() -> None:
    pair = await Pair.connected(DelayedLink(delay=0.02), DelayedLink(delay=0.02))
    server = pair.server
    number = pair.offer(server)
    await pair.client.secure.close()
    await asyncio.sleep(0.1)
    assert server.secure.state is CONNECTED
    for each in range(5):
        assert server.secure.send_rtp(rtp(each))
        assert server.secure.send_data(bytes([each]))
    client = pair.another_client()
    client.connect(CLIENT, server.fingerprints, number)
    client.ice()
    await asyncio.sleep(0.2)
    assert client.events.rtp == []

    server.connect(SERVER, client.fingerprints, number)
    await until(lambda: len(client.events.data) == 5, client.events)

    assert client.events.rtp == [rtp(each) for each in range(5)]
    assert client.events.data == [bytes([each]) for each in range(5)]
    assert server.events.states == [DtlsTransportState.CONNECTING, CONNECTED]
    await pair.rekeyed(number, server)


@in_virtual_time
async def test_queue_without_keys_is_bounded_in_packets_and_counted() -> None:
    pair = await Pair.connected()
    pair.offer(pair.server)
    await pair.client.secure.close()
    await asyncio.sleep(0.1)

    taken = [pair.server.secure.send_rtp(rtp(each)) for each in range(300)]

    assert taken == [True] * 256 + [False] * 44
    assert pair.server.secure.stats().dropped_unsent == 44
    await pair.server.secure.close()
    assert pair.server.secure.stats().dropped_unsent == 300


@in_virtual_time
async def test_queue_without_keys_is_bounded_in_bytes() -> None:
    pair = await Pair.connected()
    pair.offer(pair.server)
    await pair.client.secure.close()
    await asyncio.sleep(0.1)

    taken = [pair.server.secure.send_data(bytes(16000)) for _ in range(20)]

    assert taken == [True] * 16 + [False] * 4


@in_virtual_time
async def test_close_notify_while_an_offer_is_out_ends_the_transport_after_a_timeout() -> None:
    pair = await Pair.connected()
    pair.offer(pair.server)
    await pair.client.secure.close()
    await asyncio.sleep(4)
    assert pair.server.secure.state is CONNECTED
    await asyncio.sleep(2)

    assert pair.server.secure.state is CLOSED
    assert pair.server.secure.error is None


@in_virtual_time
async def test_late_srtp_of_a_closed_association_is_still_decrypted() -> None:
    pair = await Pair.connected()
    pair.client.secure.send_rtp(rtp(1))
    late = pair.there.wire[-1]
    await until(lambda: bool(pair.server.events.rtp), pair.server.events)
    pair.there.keeps = lambda datagram: datagram[0] < 128
    pair.client.secure.send_rtp(rtp(2))
    late = pair.there.wire[-1]
    pair.offer(pair.server)
    await pair.client.secure.close()
    await asyncio.sleep(0.1)

    pair.server.secure.receive(late)

    assert pair.server.events.rtp[-1] == rtp(2)


@in_virtual_time
async def test_association_after_a_close_reports_a_completed_rekey() -> None:
    pair = await Pair.connected()
    await pair.client.secure.close()
    await until(lambda: pair.server.secure.state is CLOSED, pair.server.events)
    client = pair.another_client()
    client.connect(CLIENT, pair.server.fingerprints, 1)
    client.ice()

    pair.server.connect(SERVER, client.fingerprints, 1)
    await pair.server.secure.connected()

    assert pair.server.events.changes == [("keys switched", 1), ("rekey completed", 1)]
    assert pair.server.events.states[-3:] == [CLOSED, DtlsTransportState.CONNECTING, CONNECTED]


@in_virtual_time
async def test_old_keys_are_wiped_after_two_minutes_without_an_event() -> None:
    pair = await Pair.connected()
    pair.there.keeps = lambda datagram: datagram[0] < 128
    pair.client.secure.send_rtp(rtp(1))
    pair.client.secure.send_rtp(rtp(2))
    first, second = pair.there.wire[-2:]
    pair.there.keeps = lambda _: True
    await pair.rekey(pair.client)
    await asyncio.sleep(119)
    pair.server.secure.receive(first)
    await asyncio.sleep(2)
    pair.server.secure.receive(second)

    assert pair.server.events.rtp == [rtp(1)]
    assert pair.server.secure.stats().dropped_unauthentic == 1
    for end in pair.ends:
        assert end.events.states == [DtlsTransportState.CONNECTING, CONNECTED]
        assert changes(end) == BOTH_WAYS


@in_virtual_time
async def test_only_four_old_associations_are_kept() -> None:
    pair = await Pair.connected()
    pair.there.keeps = lambda datagram: datagram[0] < 128
    late = []
    for _ in range(2):
        pair.client.secure.send_rtp(rtp(1))
        late.append(pair.there.wire[-1])
        pair.there.keeps = lambda _: True
        await pair.rekey(pair.client)
        pair.there.keeps = lambda datagram: datagram[0] < 128
    pair.there.keeps = lambda _: True
    for _ in range(3):
        await pair.rekey(pair.client)

    pair.server.secure.receive(late[0])
    assert pair.server.events.rtp == []
    pair.server.secure.receive(late[1])
    assert pair.server.events.rtp == [rtp(1)]


@in_virtual_time
async def test_close_notify_under_the_new_keys_ends_the_transport() -> None:
    pair = await Pair.connected()
    await pair.rekey(pair.client)

    await pair.client.secure.close()
    await until(lambda: pair.server.secure.state is CLOSED, pair.server.events)

    assert pair.server.secure.error is None


@pytest.mark.parametrize("first", [65_000, 65_100, 65_300, 65_480])
def test_rtp_stream_that_wraps_at_the_switch_is_decrypted(first: int) -> None:
    @in_virtual_time
    async def run() -> None:
        there = DelayedLink(delay=0.02, jitter=0.01, loss=0.1, seed=5)
        back = DelayedLink(delay=0.02, jitter=0.01, loss=0.1, seed=6)
        pair = await Pair.connected(there, back)
        flows = await start_flows(pair, first=first)
        await pair.rekey(pair.client)
        await asyncio.sleep(0.7)

        await assert_all_arrived(*flows)

    run()
