"""Handshakes over links that lose, repeat and reorder; OpenSSL keeps its own time, so few."""

from __future__ import annotations

import asyncio

import pytest
from OpenSSL import SSL

from peer.identity.certificate import Certificate
from peer.states import DtlsRole, DtlsTransportState
from peer.transport.dtls import handshake
from peer.transport.wire.dtls_records import pack, records
from tests.support.links.secure import Link, Party, connect, connected_parties, joined
from tests.support.peers.tls_peer import TlsPeer, legacy_context


@pytest.mark.parametrize("seed", range(12))
async def test_disorder_and_duplication_do_not_stop_it(seed: int) -> None:
    ends = joined(
        Link(disorder=0.5, duplication=0.5, seed=seed),
        Link(disorder=0.5, duplication=0.5, seed=seed + 100),
    )

    await connect(*ends)


async def test_lost_flights_are_sent_again() -> None:
    pairs = [
        joined(Link(loss=0.3, seed=seed), Link(loss=0.3, seed=seed + 100)) for seed in range(8)
    ]

    await asyncio.gather(*(connect(*pair) for pair in pairs))

    lost = [pair for pair in pairs if len(pair[0].link.wire) + len(pair[1].link.wire) > 4]
    assert lost, "no seed lost anything"


async def test_a_lost_flight_is_sent_again_before_openssl_would() -> None:
    client, server = joined()
    client.link.tamper = lambda datagram: bytes(1) if len(client.link.wire) == 1 else datagram

    await connect(client, server)

    # The very same record: OpenSSL would have given it another sequence number.
    assert client.link.wire[0] == client.link.wire[1]


async def test_openssl_s_own_timer_sends_again_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "FIRST_INTERVAL", 60.0)
    client, server = joined()
    hellos = 0

    def lose_first_hello(datagram: bytes) -> bytes:
        nonlocal hellos
        hellos += 1
        return datagram if hellos > 1 else bytes(1)

    client.link.tamper = lose_first_hello

    await connect(client, server)

    assert client.link.wire[0] != client.link.wire[1]


async def test_last_dtls_flight_is_retransmitted_to_a_client_that_missed_it() -> None:
    client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    server.association.start()
    client.association.start()
    for source, sink in ((client, server), (server, client)):
        for datagram in source.take():
            sink.association.receive(datagram)
    (finished,) = client.take()
    server.association.receive(finished)
    (lost,) = server.take()

    server.association.receive(finished)

    assert server.take() == [lost]


async def test_the_last_flight_is_repeated_a_bounded_number_of_times() -> None:
    client, server = connected_parties()
    stale = bytes([22, 0xFE, 0xFD]) + bytes(10)

    for _ in range(100):
        server.association.receive(stale)
        client.association.receive(stale)

    assert len(server.take()) == handshake.MAX_REPEATS
    assert client.take() == []


async def test_no_dtls_flight_is_retransmitted_after_the_handshake() -> None:
    client, server = joined()
    await connect(client, server)
    sent = len(client.link.wire), len(server.link.wire)
    later = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(3 * handshake.FIRST_INTERVAL, later.set_result, None)

    await later

    assert (len(client.link.wire), len(server.link.wire)) == sent


async def test_the_lost_last_flight_is_sent_again() -> None:
    client, server = joined()
    losses = 0

    def lose_first_change(datagram: bytes) -> bytes:
        nonlocal losses
        if datagram[0] == 20 and losses == 0:
            losses += 1
            # Not a DTLS record any more.
            return bytes(len(datagram))
        return datagram

    server.link.tamper = lose_first_change

    await connect(client, server)

    assert losses == 1


def great_hello(certificate: Certificate) -> tuple[TlsPeer, list[bytes]]:
    """A client whose ClientHello takes two datagrams, as Chromium's and Firefox's do."""
    context = legacy_context(b"ECDHE-ECDSA-AES128-GCM-SHA256", certificate)
    context.set_alpn_protos([bytes([65 + n]) * 250 for n in range(5)])
    client = TlsPeer(context, client=True)
    datagrams = pack(client.take(), 1200)
    assert len(datagrams) == 2
    return client, datagrams


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 0, 1)])
async def test_a_client_hello_in_two_fragments_is_put_together(order: tuple[int, ...]) -> None:
    certificate = Certificate.generate()
    client, fragments = great_hello(certificate)
    server = Party.make(DtlsRole.SERVER)
    server.association.verify([certificate.fingerprint()])
    server.association.start()

    for index in order:
        server.association.receive(fragments[index])
    client.exchange(server)

    assert server.association.state is DtlsTransportState.CONNECTED


async def test_half_a_client_hello_gets_no_answer() -> None:
    _, fragments = great_hello(Certificate.generate())
    server = Party.make(DtlsRole.SERVER)
    server.association.start()

    server.association.receive(fragments[0])

    assert server.take() == []


async def test_a_flight_of_several_datagrams_survives_any_order() -> None:
    certificate = Certificate.generate()
    context = legacy_context(b"ECDHE-ECDSA-AES128-GCM-SHA256", certificate)
    peer = TlsPeer(context, client=False)
    client = Party.make(DtlsRole.CLIENT)
    client.association.verify([certificate.fingerprint()])
    client.association.start()
    for datagram in client.take():
        peer.ssl.bio_write(datagram)
    with pytest.raises(SSL.WantReadError):
        peer.ssl.do_handshake()
    flight = [record.data for record in records(peer.ssl.bio_read(65536))]
    assert len(flight) > 3

    for record in reversed(flight):
        client.association.receive(record)
    peer.exchange(client)

    assert client.association.state is DtlsTransportState.CONNECTED
