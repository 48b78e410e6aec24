"""Rekeys that fail: a certificate mismatch, or a peer that keeps its association."""

from __future__ import annotations

import asyncio

import pytest

from peer.identity.certificate import Certificate
from peer.states import DtlsRole, DtlsTransportState, IceTransportState
from peer.transport.wire.dtls_records import ContentType
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.rekey import (
    DelayedLink,
    Pair,
    assert_all_arrived,
    changes,
    is_handshake,
    is_no_handshake,
    start_flows,
)
from tests.support.links.secure import rtp, until

SERVER = DtlsRole.SERVER
CONNECTED = DtlsTransportState.CONNECTED
FAILED = DtlsTransportState.FAILED


@pytest.mark.conformance("5-fp-mismatch", "6.8-rekey")
@pytest.mark.parametrize("answer", list(DtlsRole))
def test_certificate_not_announced_in_rekey_ends_the_transport(answer: DtlsRole) -> None:
    @in_virtual_time
    async def run() -> None:
        pair = await Pair.connected()
        number = pair.offer(pair.client)
        stranger = Certificate.generate()
        pair.server.secure.connect(number, stranger, answer, pair.client.fingerprints)
        pair.conclude(pair.client, answer=answer)
        await until(lambda: pair.client.secure.state is FAILED, pair.client.events)
        received = len(pair.client.events.rtp)
        pair.server.secure.send_rtp(rtp(1))
        await asyncio.sleep(1)

        assert str(stranger.fingerprint()) in str(pair.client.secure.error)
        assert len(pair.client.events.rtp) == received
        assert not pair.client.secure.verified
        assert not pair.client.secure.send_rtp(rtp(1))
        assert "rekey failed" not in changes(pair.client)

    run()


@in_virtual_time
async def test_both_ends_keep_old_keys_when_the_next_handshake_fails() -> None:
    pair = await Pair.connected()
    pair.there.keeps = pair.back.keeps = is_no_handshake
    number = pair.offer(pair.client)
    pair.answer(pair.client)
    pair.conclude(pair.client)
    await asyncio.sleep(31)

    # Though the client has announced a new certificate, and the server has not.
    for end in (pair.client, pair.server):
        assert end.secure.state is CONNECTED
        assert [change[:2] for change in end.events.changes] == [("rekey failed", number)]


@pytest.mark.conformance("6.8-kept")
@pytest.mark.parametrize("role", list(DtlsRole))
def test_peer_that_keeps_its_association_loses_no_packets(role: DtlsRole) -> None:
    @in_virtual_time
    async def run() -> None:
        pair = await Pair.connected(DelayedLink(delay=0.02), DelayedLink(delay=0.02))
        flows = await start_flows(pair)
        end = pair.server
        number = pair.offer(end)
        end.connect(role, pair.client.fingerprints, number, peer_may_keep=True)
        begun = asyncio.get_running_loop().time()
        await pair.changed(end, ("rekey failed", number, "the peer kept its association"))

        assert asyncio.get_running_loop().time() - begun == pytest.approx(3, abs=0.1)
        await assert_all_arrived(*flows)
        assert end.secure.state is CONNECTED
        assert end.secure.stats().association == 0

    run()


@in_virtual_time
async def test_participation_timeout_runs_only_while_the_path_is_up() -> None:
    pair = await Pair.connected()
    end = pair.server
    end.ice(IceTransportState.DISCONNECTED)
    number = pair.offer(end)
    end.connect(SERVER, pair.client.fingerprints, number, peer_may_keep=True)
    await asyncio.sleep(10)
    assert changes(end) == []

    end.ice()
    await asyncio.sleep(2)
    end.ice(IceTransportState.DISCONNECTED)
    await asyncio.sleep(10)
    end.ice()
    await asyncio.sleep(2)
    assert changes(end) == []

    await asyncio.sleep(2)
    assert changes(end) == ["rekey failed"]


@in_virtual_time
async def test_participation_timeout_ends_with_the_first_handshake_datagram() -> None:
    pair = await Pair.connected()
    number = pair.offer(pair.server)
    pair.answer(pair.server)
    # Only its ClientHello arrives.
    pair.there.keeps = lambda datagram: not is_handshake(datagram) or len(datagram) < 300
    pair.server.connect(SERVER, pair.client.fingerprints, number, peer_may_keep=True)
    await asyncio.sleep(20)
    assert changes(pair.server) == []

    pair.there.keeps = lambda _: True
    await pair.rekeyed(number, pair.server)


@in_virtual_time
async def test_a_client_that_never_gets_the_finished_takes_both_back_to_the_old_keys() -> None:
    pair = await Pair.connected(DelayedLink(delay=0.01), DelayedLink(delay=0.01))
    flows = await start_flows(pair)
    pair.back.keeps = lambda datagram: (
        not is_handshake(datagram) or datagram[0] != ContentType.CHANGE_CIPHER_SPEC
    )
    number = pair.offer(pair.client, pair.client.certificate)
    pair.answer(pair.client, answer=SERVER)
    pair.conclude(pair.client, answer=SERVER)
    await asyncio.sleep(35)

    await assert_all_arrived(*flows)
    for end in pair.ends:
        assert [change[:2] for change in end.events.changes] == [("rekey failed", number)]
        assert end.secure.state is CONNECTED
    assert ("rekey failed", 1, "the peer did not use the new keys within 30 s") in (
        pair.server.events.changes
    )


@in_virtual_time
async def test_a_client_follows_a_server_that_goes_back() -> None:
    pair = await Pair.connected(DelayedLink(delay=0.01), DelayedLink(delay=0.01))
    number = pair.offer(pair.client, pair.client.certificate)
    pair.answer(pair.client, answer=SERVER)
    pair.conclude(pair.client, answer=SERVER)
    # Nothing of the client arrives under the new keys.
    pair.there.keeps = is_handshake
    await pair.changed(
        pair.server, ("rekey failed", number, "the peer did not use the new keys within 30 s")
    )
    pair.there.keeps = lambda _: True
    await pair.changed(pair.client, ("rekey failed", number, "the peer closed the new association"))
    flows = await start_flows(pair)

    await assert_all_arrived(*flows)
    assert pair.client.secure.stats().association == 0
