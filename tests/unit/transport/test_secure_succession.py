"""What becomes of a change of keys that does not go by the book."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from peer.errors import InvalidStateError
from peer.identity.certificate import Certificate
from peer.states import DtlsRole, DtlsTransportState, IceTransportState
from peer.transport.dtls.records import ContentType, first_epoch
from tests.support.secure import End, rtp, until
from tests.support.succession import Flow, Pair, Road
from tests.support.virtual_time import in_virtual_time

CLIENT, SERVER = DtlsRole.CLIENT, DtlsRole.SERVER
CONNECTED = DtlsTransportState.CONNECTED
CLOSED = DtlsTransportState.CLOSED
FAILED = DtlsTransportState.FAILED
BOTH_WAYS = ["switched", "replaced"]


def handshake(datagram: bytes) -> bool:
    """Whether it belongs to a handshake: in clear, or the Finished."""
    is_finished = datagram[0] == ContentType.CHANGE_CIPHER_SPEC or (
        datagram[0] == ContentType.HANDSHAKE and first_epoch(datagram) == 1
    )
    return is_finished or (20 <= datagram[0] <= 63 and first_epoch(datagram) == 0)


class Losing:
    """Loses the first few datagrams of a kind."""

    def __init__(self, count: int, kind: Callable[[bytes], bool] = handshake) -> None:
        self.left = count
        self.kind = kind

    def __call__(self, datagram: bytes) -> bool:
        if self.left and self.kind(datagram):
            self.left -= 1
            return False
        return True


def never(datagram: bytes) -> bool:
    return not handshake(datagram)


def changes(end: End) -> list[object]:
    """What was said of associations, without their numbers."""
    return [change[0] for change in end.events.changes]


async def flowing(pair: Pair, *, first: int = 0) -> tuple[Flow, Flow]:
    flows = pair.flows(first=first)
    for flow in flows:
        flow.start()
    await asyncio.sleep(0.05)
    return flows


async def assert_all_came(*flows: Flow) -> None:
    for flow in flows:
        await flow.stop()
        assert flow.account == ([], [])
        assert flow.data_account == ([], [])
        assert flow.refused == 0


# ---- lost datagrams


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


# ---- who is not who it said


@pytest.mark.conformance("5-fp-mismatch", "6.8-rekey")
@pytest.mark.parametrize("answer", list(DtlsRole))
def test_a_certificate_that_was_not_announced_ends_the_transport(answer: DtlsRole) -> None:
    @in_virtual_time
    async def run() -> None:
        pair = await Pair.connected()
        number = pair.offer(pair.client)
        stranger = Certificate.generate()
        pair.server.secure.connect(number, stranger, answer, pair.client.fingerprints)
        pair.conclude(pair.client, answer=answer)
        await until(lambda: pair.client.secure.state is FAILED, pair.client.events)
        heard = len(pair.client.events.rtp)
        pair.server.secure.send_rtp(rtp(1))
        await asyncio.sleep(1)

        assert str(stranger.fingerprint()) in str(pair.client.secure.error)
        assert len(pair.client.events.rtp) == heard
        assert not pair.client.secure.verified
        assert not pair.client.secure.send_rtp(rtp(1))
        assert "kept" not in changes(pair.client)

    run()


@in_virtual_time
async def test_the_old_keys_do_not_go_on_when_nobody_signals_their_certificate() -> None:
    pair = await Pair.connected()
    pair.there.keeps = pair.back.keeps = never
    number = pair.offer(pair.client)
    pair.answer(pair.client)
    pair.conclude(pair.client)
    await asyncio.sleep(31)

    # The client has a new certificate, the server has not.
    assert pair.server.secure.state is FAILED
    assert [change[:2] for change in pair.client.events.changes] == [("kept", number)]


# ---- a peer that keeps what it has


@pytest.mark.conformance("6.8-kept")
@pytest.mark.parametrize("role", list(DtlsRole))
def test_a_peer_that_keeps_its_association_loses_nothing(role: DtlsRole) -> None:
    @in_virtual_time
    async def run() -> None:
        pair = await Pair.connected(Road(delay=0.02), Road(delay=0.02))
        flows = await flowing(pair)
        end = pair.server
        number = pair.offer(end)
        end.connect(role, pair.client.fingerprints, number, certain=False)
        begun = asyncio.get_running_loop().time()
        await pair.changed(end, ("kept", number, "the peer kept its association"))

        assert asyncio.get_running_loop().time() - begun == pytest.approx(3, abs=0.1)
        await assert_all_came(*flows)
        assert end.secure.state is CONNECTED
        assert end.secure.stats().association == 0

    run()


@in_virtual_time
async def test_the_time_to_take_part_runs_only_while_there_is_a_path() -> None:
    pair = await Pair.connected()
    end = pair.server
    end.ice(IceTransportState.DISCONNECTED)
    number = pair.offer(end)
    end.connect(SERVER, pair.client.fingerprints, number, certain=False)
    await asyncio.sleep(10)
    assert changes(end) == []

    end.ice()
    await asyncio.sleep(4)

    assert changes(end) == ["kept"]


@in_virtual_time
async def test_a_peer_that_was_heard_has_all_the_time_of_a_handshake() -> None:
    pair = await Pair.connected()
    number = pair.offer(pair.server)
    pair.answer(pair.server)
    # Only its ClientHello arrives.
    pair.there.keeps = lambda datagram: not handshake(datagram) or len(datagram) < 300
    pair.server.connect(SERVER, pair.client.fingerprints, number, certain=False)
    await asyncio.sleep(20)
    assert changes(pair.server) == []

    pair.there.keeps = lambda _: True
    await pair.replaced(number, pair.server)


@in_virtual_time
async def test_a_client_that_never_gets_the_finished_takes_both_back_to_the_old_keys() -> None:
    pair = await Pair.connected(Road(delay=0.01), Road(delay=0.01))
    flows = await flowing(pair)
    pair.back.keeps = lambda datagram: (
        not handshake(datagram) or datagram[0] != ContentType.CHANGE_CIPHER_SPEC
    )
    number = pair.offer(pair.client, pair.client.certificate)
    pair.answer(pair.client, answer=SERVER)
    pair.conclude(pair.client, answer=SERVER)
    await asyncio.sleep(35)

    await assert_all_came(*flows)
    for end in pair.ends:
        assert [change[:2] for change in end.events.changes] == [("kept", number)]
        assert end.secure.state is CONNECTED
    assert ("kept", 1, "the peer did not use the new keys within 30 s") in (
        pair.server.events.changes
    )


@in_virtual_time
async def test_a_client_follows_a_server_that_goes_back() -> None:
    pair = await Pair.connected(Road(delay=0.01), Road(delay=0.01))
    number = pair.offer(pair.client, pair.client.certificate)
    pair.answer(pair.client, answer=SERVER)
    pair.conclude(pair.client, answer=SERVER)
    # Nothing of the client arrives under the new keys.
    pair.there.keeps = handshake
    await pair.changed(
        pair.server, ("kept", number, "the peer did not use the new keys within 30 s")
    )
    pair.there.keeps = lambda _: True
    await pair.changed(pair.client, ("kept", number, "the peer closed the new association"))
    flows = await flowing(pair)

    await assert_all_came(*flows)
    assert pair.client.secure.stats().association == 0


# ---- a peer that closes the old association first, as Chromium does


@in_virtual_time
async def test_what_is_sent_between_close_and_handshake_waits_and_comes_first_in_order() -> None:
    pair = await Pair.connected(Road(delay=0.02), Road(delay=0.02))
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
    await pair.replaced(number, server)


@in_virtual_time
async def test_what_waits_is_bounded_and_counted() -> None:
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
async def test_what_waits_is_bounded_in_bytes() -> None:
    pair = await Pair.connected()
    pair.offer(pair.server)
    await pair.client.secure.close()
    await asyncio.sleep(0.1)

    taken = [pair.server.secure.send_data(bytes(16000)) for _ in range(20)]

    assert taken == [True] * 16 + [False] * 4


@in_virtual_time
async def test_a_goodbye_while_an_offer_is_out_is_a_goodbye() -> None:
    pair = await Pair.connected()
    pair.offer(pair.server)
    await pair.client.secure.close()
    await asyncio.sleep(4)
    assert pair.server.secure.state is CONNECTED
    await asyncio.sleep(2)

    assert pair.server.secure.state is CLOSED
    assert pair.server.secure.error is None


@in_virtual_time
async def test_late_packets_of_a_closed_association_are_still_read() -> None:
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
async def test_an_association_after_a_close_is_announced_when_it_is_connected() -> None:
    pair = await Pair.connected()
    await pair.client.secure.close()
    await until(lambda: pair.server.secure.state is CLOSED, pair.server.events)
    client = pair.another_client()
    client.connect(CLIENT, pair.server.fingerprints, 1)
    client.ice()

    pair.server.connect(SERVER, client.fingerprints, 1)
    await pair.server.secure.connected()

    assert pair.server.events.changes == [("switched", 1), ("replaced", 1)]
    assert pair.server.events.states[-3:] == [CLOSED, DtlsTransportState.CONNECTING, CONNECTED]


# ---- old keys


@in_virtual_time
async def test_old_keys_are_wiped_after_two_minutes_and_nobody_notices() -> None:
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
async def test_a_close_under_the_new_keys_ends_the_transport() -> None:
    pair = await Pair.connected()
    await pair.rekey(pair.client)

    await pair.client.secure.close()
    await until(lambda: pair.server.secure.state is CLOSED, pair.server.events)

    assert pair.server.secure.error is None


@pytest.mark.parametrize("first", [65_000, 65_100, 65_300, 65_480])
def test_a_stream_that_wraps_at_the_switch_is_not_lost_for_good(first: int) -> None:
    @in_virtual_time
    async def run() -> None:
        there = Road(delay=0.02, jitter=0.01, loss=0.1, seed=5)
        back = Road(delay=0.02, jitter=0.01, loss=0.1, seed=6)
        pair = await Pair.connected(there, back)
        flows = await flowing(pair, first=first)
        await pair.rekey(pair.client)
        await asyncio.sleep(0.7)

        await assert_all_came(*flows)

    run()


# ---- at any moment


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


# ---- descriptions in odd orders


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

    assert ("kept", 1, "a newer association has taken its place") in pair.client.events.changes
    assert pair.server.events.changes == [("switched", 2), ("replaced", 2)]


@in_virtual_time
async def test_a_newer_association_makes_certain_of_one_that_is_complete() -> None:
    pair = await Pair.connected(Road(delay=0.05), Road(delay=0.05))
    pair.offer(pair.client)
    pair.answer(pair.client)
    pair.conclude(pair.client)
    await pair.changed(pair.server, ("switched", 1))

    pair.server.listen(2)

    assert pair.server.events.changes == [("switched", 1), ("replaced", 1)]


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

    assert server.events.changes == [("switched", 1), ("replaced", 1)]
    assert server.secure.stats().association == 1
    assert server.events.states == [DtlsTransportState.CONNECTING, CONNECTED]


# ---- what others send


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
    assert after.dropped_foreign == before.dropped_foreign + 1
    assert after.dropped_unauthentic == before.dropped_unauthentic + 1
