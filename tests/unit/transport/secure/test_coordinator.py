"""Rekeys between two secure transports under load: lossy links, order of events, roles, trace."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from peer.errors import InvalidStateError
from peer.identity.certificate import Certificate
from peer.states import DtlsRole, DtlsTransportState
from peer.tracing.events import (
    AssociationRetired,
    FingerprintChecked,
    HandshakeCompleted,
    KeysSwitched,
    TraceEvent,
)
from peer.tracing.tracer import Tracer
from peer.transport.secure.rekey import MAX_RETIRING
from peer.transport.secure.slots import RetiringSlots
from peer.transport.tap import Tap
from peer.transport.wire.dtls_records import ContentType
from tests.support.clock.clock import Clock
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.rekey import (
    DelayedLink,
    LoseFirst,
    Pair,
    assert_all_arrived,
    changes,
    is_handshake,
    start_flows,
)
from tests.support.links.secure import rtp

if TYPE_CHECKING:
    from peer.transport.secure.slots import AssociationSlot

CONNECTED = DtlsTransportState.CONNECTED
ROLES = list(DtlsRole)


def links(
    *, delay: float = 0.0, jitter: float = 0.0, loss: float = 0.0, duplication: float = 0.0
) -> tuple[DelayedLink, DelayedLink]:
    """Both directions alike, but for their luck."""
    there, back = (
        DelayedLink(delay=delay, jitter=jitter, loss=loss, duplication=duplication, seed=seed)
        for seed in (3, 4)
    )
    return there, back


class RetiredAssociation:
    """A slot, and the association in it, as far as they retire."""

    closed = False

    @property
    def association(self) -> RetiredAssociation:
        return self

    def close(self) -> None:
        self.closed = True


@in_virtual_time
async def test_associations_that_retire_are_bounded() -> None:
    gone: list[object] = []
    retiring = RetiringSlots(gone.append)
    slots = [RetiredAssociation() for _ in range(3 * MAX_RETIRING)]
    for slot in slots:
        retiring.add(cast("AssociationSlot", slot))
    assert list[object](retiring.slots) == slots[: -MAX_RETIRING - 1 : -1]
    assert gone == slots[:-MAX_RETIRING]
    assert [slot.closed for slot in slots].count(False) == MAX_RETIRING
    retiring.clear()


async def assert_nothing_is_lost(pair: Pair, *, rekeys: int, signalling: float = 0.0) -> None:
    """Rekey under load, by turns from either end and in either role."""
    flows = pair.flows()
    for flow in flows:
        flow.start()
    for number in range(rekeys):
        initiator = pair.ends[number % 2]
        await pair.rekey(initiator, answer=ROLES[number // 2 % 2], signalling=signalling)
    for flow in flows:
        await flow.stop()

    for flow in flows:
        assert flow.account == ([], [])
        assert flow.data_account == ([], [])
        assert flow.refused == 0
    for end in pair.ends:
        assert end.events.states == [DtlsTransportState.CONNECTING, CONNECTED]
        assert end.secure.stats().association == rekeys


@pytest.mark.conformance("6.8-rekey")
@in_virtual_time
async def test_rekey_loses_and_doubles_no_packet_on_a_good_link() -> None:
    await assert_nothing_is_lost(await Pair.connected(*links()), rekeys=20)


@pytest.mark.conformance("6.8-rekey")
@in_virtual_time
async def test_rekey_loses_no_packet_with_reordering() -> None:
    pair = await Pair.connected(*links(delay=0.03, jitter=0.015))

    await assert_nothing_is_lost(pair, rekeys=12)


@pytest.mark.conformance("6.8-rekey")
@in_virtual_time
async def test_rekey_loses_only_packets_that_the_link_loses() -> None:
    pair = await Pair.connected(*links(delay=0.03, jitter=0.015, loss=0.05))

    await assert_nothing_is_lost(pair, rekeys=12)


@in_virtual_time
async def test_rekey_doubles_no_packet_though_the_link_does() -> None:
    pair = await Pair.connected(*links(delay=0.01, jitter=0.005, duplication=0.3))

    await assert_nothing_is_lost(pair, rekeys=8)


@in_virtual_time
async def test_rekey_loses_no_packet_with_an_answer_slower_than_the_handshake() -> None:
    pair = await Pair.connected(*links(delay=0.001))

    await assert_nothing_is_lost(pair, rekeys=4, signalling=0.4)


@pytest.mark.conformance("6.8-rekey")
@in_virtual_time
async def test_known_certificate_is_received_under_new_keys_before_the_answer() -> None:
    pair = await Pair.connected()
    pair.offer(pair.server)
    pair.answer(pair.server)
    await asyncio.sleep(1)

    pair.client.secure.send_rtp(rtp(1))
    await asyncio.sleep(1)

    assert pair.client.secure.stats().association == 1
    assert pair.server.secure.stats().association == 0
    assert pair.server.events.rtp == [rtp(1)]


@pytest.mark.conformance("5-fp-match")
@in_virtual_time
async def test_new_certificate_is_not_received_before_the_answer() -> None:
    pair = await Pair.connected()
    number = pair.offer(pair.server)
    pair.client.certificate = Certificate.generate()
    pair.answer(pair.server)
    await asyncio.sleep(1)
    pair.client.secure.send_rtp(rtp(1))
    await asyncio.sleep(1)
    assert pair.server.events.rtp == []

    pair.conclude(pair.server)
    await pair.rekeyed(number)

    assert pair.server.events.rtp == [rtp(1)]


CLIENT = DtlsRole.CLIENT
SERVER = DtlsRole.SERVER
CONNECTED = DtlsTransportState.CONNECTED
CLOSED = DtlsTransportState.CLOSED
BOTH_WAYS = ["keys switched", "rekey completed"]


@pytest.mark.parametrize("moment", range(12))
@pytest.mark.parametrize("side", [0, 1])
def test_dropped_rekey_leaves_both_ends_with_the_same_keys_at_any_moment(
    moment: int, side: int
) -> None:
    @in_virtual_time
    async def run() -> None:
        pair = await Pair.connected(DelayedLink(delay=0.01), DelayedLink(delay=0.01))
        number = pair.offer(pair.server)
        pair.answer(pair.server)
        pair.conclude(pair.server)
        await asyncio.sleep(moment * 0.005)

        pair.ends[side].secure.drop(number)
        pair.ends[1 - side].secure.drop(number)
        flows = await start_flows(pair)

        await assert_all_arrived(*flows)
        await asyncio.sleep(31)
        used = {end.secure.stats().association for end in pair.ends}
        assert used == ({0} if moment < 9 else {number})

    run()


@pytest.mark.parametrize("moment", range(12))
@pytest.mark.parametrize("side", [0, 1])
def test_close_during_a_rekey_leaves_no_task_at_any_moment(moment: int, side: int) -> None:
    @in_virtual_time
    async def run() -> None:
        pair = await Pair.connected(DelayedLink(delay=0.01), DelayedLink(delay=0.01))
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
async def test_listening_next_association_is_remade_as_client() -> None:
    pair = await Pair.connected()

    await pair.rekey(pair.client, answer=SERVER)

    assert pair.client.secure.role is CLIENT
    assert pair.server.secure.role is SERVER
    assert changes(pair.client) == BOTH_WAYS


@in_virtual_time
async def test_rekey_can_swap_dtls_roles() -> None:
    pair = await Pair.connected()

    await pair.rekey(pair.client)

    assert pair.client.secure.role is SERVER
    assert pair.server.secure.role is CLIENT


@in_virtual_time
async def test_newer_association_supersedes_an_incomplete_one() -> None:
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
async def test_newer_association_completes_the_rekey_to_a_complete_one() -> None:
    pair = await Pair.connected(DelayedLink(delay=0.05), DelayedLink(delay=0.05))
    pair.offer(pair.client)
    pair.answer(pair.client)
    pair.conclude(pair.client)
    await pair.changed(pair.server, ("keys switched", 1))

    pair.server.listen(2)

    assert pair.server.events.changes == [("keys switched", 1), ("rekey completed", 1)]


@in_virtual_time
async def test_association_of_the_past_cannot_be_connected() -> None:
    pair = await Pair.connected()
    await pair.rekey(pair.client)

    pair.client.listen(0)
    with pytest.raises(InvalidStateError, match="followed association 0"):
        pair.client.connect(SERVER, pair.server.fingerprints, 0)


@in_virtual_time
async def test_next_association_may_complete_before_the_first() -> None:
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
async def test_trace_shows_key_switches_and_retired_associations() -> None:
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


BOTH_WAYS = ["keys switched", "rekey completed"]


@pytest.mark.parametrize("lost", [1, 2, 3])
@pytest.mark.parametrize("direction", ["there", "back"])
@pytest.mark.parametrize("answer", list(DtlsRole))
@pytest.mark.conformance("6.8-rekey")
def test_lost_flights_of_a_rekey_lose_no_packets(
    lost: int, direction: str, answer: DtlsRole
) -> None:
    @in_virtual_time
    async def run() -> None:
        pair = await Pair.connected(DelayedLink(delay=0.02), DelayedLink(delay=0.02))
        flows = await start_flows(pair)
        link: DelayedLink = getattr(pair, direction)
        link.keeps = LoseFirst(lost)

        await pair.rekey(pair.client, answer=answer)

        await assert_all_arrived(*flows)
        assert changes(pair.client) == changes(pair.server) == BOTH_WAYS

    run()


@in_virtual_time
async def test_rekey_without_traffic_completes_by_probes() -> None:
    pair = await Pair.connected(DelayedLink(delay=0.01), DelayedLink(delay=0.01))
    loop = asyncio.get_running_loop()
    begun = loop.time()

    await pair.rekey(pair.server)

    assert loop.time() - begun < 0.1
    assert changes(pair.client) == changes(pair.server) == BOTH_WAYS


@in_virtual_time
async def test_lost_probes_under_new_keys_are_repeated() -> None:
    pair = await Pair.connected(DelayedLink(delay=0.01), DelayedLink(delay=0.01))
    pair.there.keeps = LoseFirst(3, lambda datagram: datagram[0] >= 128)

    await pair.rekey(pair.server)

    assert pair.client.events.probes >= 4


@in_virtual_time
async def test_probes_end_after_the_rekey() -> None:
    pair = await Pair.connected()
    await pair.rekey(pair.server)
    await asyncio.sleep(60)

    assert pair.client.events.probes <= 2
    assert pair.server.events.probes == 6


@in_virtual_time
async def test_unexpected_client_hello_changes_nothing() -> None:
    pair = await Pair.connected()
    hello = pair.there.wire[0]
    flows = await start_flows(pair)

    for _ in range(5):
        pair.server.secure.receive(hello)
        pair.client.secure.receive(hello)

    await assert_all_arrived(*flows)


@in_virtual_time
async def test_late_records_of_a_former_handshake_do_not_spoil_the_next_one() -> None:
    pair = await Pair.connected()
    former = [datagram for datagram in pair.there.wire if is_handshake(datagram)][1:]
    number = pair.offer(pair.server)
    for datagram in former:
        pair.server.secure.receive(datagram)

    pair.answer(pair.server)
    pair.conclude(pair.server)

    await pair.rekeyed(number)


@in_virtual_time
async def test_datagram_that_no_association_takes_is_counted_once() -> None:
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
async def test_last_flight_is_not_repeated_beside_another_handshake() -> None:
    pair = await Pair.connected()
    late = [datagram for datagram in pair.there.wire if is_handshake(datagram)][-1]
    pair.server.secure.receive(late)
    assert is_handshake(pair.back.wire[-1])
    pair.client.secure.send_data(b"data")
    await asyncio.sleep(1)
    pair.offer(pair.server)
    said = len(pair.back.wire)

    pair.server.secure.receive(late)

    assert len(pair.back.wire) == said


@in_virtual_time
async def test_packet_that_overtakes_the_handshake_confirms_the_new_keys() -> None:
    pair = await Pair.connected()
    client, number = pair.client, pair.offer(pair.client)
    server = pair.another_server()
    server.connect(DtlsRole.SERVER, client.fingerprints, number)
    server.ice()
    pair.back.keeps = LoseFirst(1, lambda datagram: datagram[0] == ContentType.CHANGE_CIPHER_SPEC)
    client.connect(DtlsRole.CLIENT, server.fingerprints, number)
    await server.secure.connected()
    server.secure.send_rtp(rtp(1))
    await asyncio.sleep(1)

    assert client.events.rtp == [rtp(1)]
    assert client.events.changes == [("keys switched", number), ("rekey completed", number)]
