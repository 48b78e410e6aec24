from __future__ import annotations

import struct

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from peer.identity.certificate import Certificate, KeyType
from peer.identity.fingerprints import HashFunction
from peer.states import DtlsRole, DtlsTransportState
from peer.transport.dtls.connection import MTU
from peer.transport.dtls.counters import ReceiveResult
from peer.transport.wire.dtls_records import ContentType, records
from tests.support.links.secure import Party, connected_parties, exchange, rtcp, rtp, shake_hands

CONNECTED = DtlsTransportState.CONNECTED
CLOSED = DtlsTransportState.CLOSED


@pytest.fixture
async def pair() -> tuple[Party, Party]:
    return connected_parties()


def handshake_types(datagrams: list[bytes]) -> list[int]:
    """The handshake message types of clear records, in order."""
    return [
        record.data[13]
        for datagram in datagrams
        for record in records(datagram)
        if record.content_type == ContentType.HANDSHAKE and record.epoch == 0
    ]


async def test_both_ends_complete_a_dtls_handshake(pair: tuple[Party, Party]) -> None:
    client, server = pair

    for party in pair:
        assert party.events.states == [DtlsTransportState.CONNECTING, CONNECTED]
        assert party.events.handshakes == 1
        assert party.association.version == "DTLSv1.2"
    assert client.association.peer_certificate_der == server.certificate.der
    assert server.association.peer_fingerprint == client.certificate.fingerprint()


@pytest.mark.conformance("6.10-srtp")
async def test_the_strongest_srtp_profile_is_agreed(pair: tuple[Party, Party]) -> None:
    for party in pair:
        assert party.association.srtp_profile == "SRTP_AEAD_AES_256_GCM"


@pytest.mark.conformance("8.8-pfs")
async def test_the_cipher_suite_has_forward_secrecy(pair: tuple[Party, Party]) -> None:
    cipher = pair[0].association.cipher

    assert cipher is not None
    assert cipher.startswith("ECDHE-")


@pytest.mark.conformance("7.1-flow")
async def test_the_handshake_is_the_flow_of_rfc_5763() -> None:
    client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    server.association.start()
    client.association.start()
    flights = []
    for source, sink in ((client, server), (server, client), (client, server), (server, client)):
        flights.append(source.take())
        for datagram in flights[-1]:
            sink.association.receive(datagram)

    hello, certificate, key_exchange, verify = 1, 11, 16, 15
    assert handshake_types(flights[0]) == [hello]
    # ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone.
    assert handshake_types(flights[1]) == [2, certificate, 12, 13, 14]
    assert handshake_types(flights[2]) == [certificate, key_exchange, verify]
    assert [r.content_type for d in flights[3] for r in records(d)] == [
        ContentType.CHANGE_CIPHER_SPEC,
        ContentType.HANDSHAKE,
    ]


@pytest.mark.conformance("5-client-first")
async def test_the_server_says_nothing_before_the_client_hello() -> None:
    server = Party.make(DtlsRole.SERVER)
    server.association.start()

    assert server.take() == []
    assert server.association.state is DtlsTransportState.NEW


def great_certificate() -> Certificate:
    """One that fills several datagrams."""
    small = Certificate.generate()
    names = x509.SubjectAlternativeName([x509.DNSName(f"host-{n}.example") for n in range(200)])
    certificate = (
        x509.CertificateBuilder(
            small.certificate.issuer,
            small.certificate.subject,
            small.private_key.public_key(),
            small.certificate.serial_number,
            small.certificate.not_valid_before_utc,
            small.certificate.not_valid_after_utc,
        )
        .add_extension(names, critical=False)
        .sign(small.private_key, hashes.SHA256())
    )
    return Certificate(certificate, small.private_key)


async def test_large_flight_is_cut_into_datagrams_of_the_mtu() -> None:
    certificate = great_certificate()
    client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER, certificate)
    server.association.start()
    client.association.start()
    for datagram in client.take():
        server.association.receive(datagram)

    flight = server.take()

    assert len(flight) > 3
    assert all(len(datagram) <= MTU for datagram in flight)
    for datagram in flight:
        client.association.receive(datagram)
    exchange(client, server)
    assert client.association.peer_certificate_der == certificate.der


@pytest.mark.conformance("5-ecdsa-rsa")
@pytest.mark.parametrize("client_key", list(KeyType))
@pytest.mark.parametrize("server_key", list(KeyType))
async def test_ecdsa_and_rsa_certificates_connect(client_key: KeyType, server_key: KeyType) -> None:
    client = Party.make(DtlsRole.CLIENT, Certificate.generate(client_key))
    server = Party.make(DtlsRole.SERVER, Certificate.generate(server_key))
    client.verify(server)
    server.verify(client)

    shake_hands(client, server)

    assert client.association.state is server.association.state is CONNECTED


async def test_packets_and_data_arrive_as_they_were_sent(pair: tuple[Party, Party]) -> None:
    for source, sink in (pair, pair[::-1]):
        assert source.association.send_rtp(rtp(1))
        assert source.association.send_rtcp(rtcp())
        assert source.association.send_data(b"data")
        assert all(rtp(1)[12:] not in datagram for datagram in source.events.sent)
        exchange(source, sink)
        assert sink.events.rtp == [rtp(1)]
        assert sink.events.rtcp == [rtcp()]
        assert sink.events.data == [b"data"]


async def test_several_packets_arrive_as_they_were_sent(pair: tuple[Party, Party]) -> None:
    client, server = pair
    packets = [rtp(number) for number in range(5)]
    before = client.association.counters.packets_sent
    too_large = rtp(9, bytes(2000))

    assert client.association.send_rtp_all([*packets, too_large]) == 5

    assert client.association.counters.packets_sent == before + 5
    assert client.association.counters.dropped_unsent == 1
    exchange(client, server)
    assert server.events.rtp == packets
    client.events.reachable = False
    assert client.association.send_rtp_all(packets) == 0
    client.association.close()
    assert client.association.send_rtp_all(packets) == 0
    # The close_notify could not be sent either.
    assert client.association.counters.dropped_unsent == 12


async def test_several_records_of_one_datagram_are_all_read(pair: tuple[Party, Party]) -> None:
    client, server = pair
    client.association.send_data(b"one")
    client.association.send_data(b"two")

    server.association.receive(b"".join(client.take()))

    assert server.events.data == [b"one", b"two"]


async def test_arrival_time_of_rtp_is_that_of_the_clock() -> None:
    now = 5_000
    client = Party.make(DtlsRole.CLIENT)
    server = Party.make(DtlsRole.SERVER, clock=lambda: now)
    server.verify(client)
    client.verify(server)
    shake_hands(client, server)
    client.association.send_rtp(rtp(1))
    now = 5_020

    exchange(client, server)

    assert server.events.arrivals == [5_020]


async def test_a_replayed_packet_is_dropped(pair: tuple[Party, Party]) -> None:
    client, server = pair
    client.association.send_rtp(rtp(1))
    (datagram,) = client.take()

    assert server.association.receive(datagram) is ReceiveResult.PAYLOAD
    assert server.association.receive(datagram) is ReceiveResult.UNAUTHENTIC

    assert server.events.rtp == [rtp(1)]


@pytest.mark.parametrize("size", [0, 16385])
async def test_data_that_dtls_cannot_carry_is_counted(pair: tuple[Party, Party], size: int) -> None:
    client, server = pair

    assert not client.association.send_data(bytes(size))

    assert client.association.counters.dropped_unsent == 1
    client.association.send_data(b"next")
    exchange(client, server)
    assert server.events.data == [b"next"]


@pytest.mark.parametrize("packet", [b"", b"\x80", rtp(1, bytes(1500))])
async def test_rtp_that_srtp_cannot_carry_is_counted(
    pair: tuple[Party, Party], packet: bytes
) -> None:
    client, _ = pair

    assert not client.association.send_rtp(packet)
    assert not client.association.send_rtcp(packet[:1])

    assert client.association.counters.dropped_unsent == 2


async def test_nothing_is_sent_before_it_is_connected() -> None:
    client = Party.make(DtlsRole.CLIENT)

    assert not client.association.send_rtp(rtp(1))
    assert not client.association.send_rtcp(rtcp())
    assert not client.association.send_data(b"data")

    assert client.take() == []
    assert client.association.counters.dropped_unsent == 3


async def test_datagrams_that_the_path_refuses_are_counted(pair: tuple[Party, Party]) -> None:
    client, _ = pair
    client.events.reachable = False

    assert not client.association.send_rtp(rtp(1))

    assert client.association.counters.dropped_unsent == 1


async def test_close_tells_the_peer(pair: tuple[Party, Party]) -> None:
    client, server = pair

    client.association.close()
    exchange(client, server)

    assert client.association.state is server.association.state is CLOSED
    assert server.association.error is None
    assert server.events.states[-1] is CLOSED


async def test_close_is_idempotent(pair: tuple[Party, Party]) -> None:
    client, _ = pair
    client.association.close()
    client.take()

    client.association.close()

    assert client.take() == []
    assert client.events.states.count(CLOSED) == 1


async def test_a_closed_association_takes_and_sends_nothing(pair: tuple[Party, Party]) -> None:
    client, server = pair
    server.association.send_rtp(rtp(1))
    client.association.close()
    client.take()

    assert client.association.receive(server.take()[0]) is ReceiveResult.UNEXPECTED
    assert not client.association.send_rtp(rtp(1))
    client.association.start()
    client.association.on_path()
    client.association.verify([])

    assert client.take() == []
    assert client.association.state is CLOSED


@pytest.mark.parametrize("step", range(6))
@pytest.mark.parametrize("closer", [0, 1])
async def test_close_at_any_step_of_the_handshake(step: int, closer: int) -> None:
    parties = client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    client.verify(server)
    server.verify(client)
    if step > 0:
        server.association.start()
        client.association.start()
    for turn in range(step - 1):
        source, sink = parties if turn % 2 == 0 else parties[::-1]
        for datagram in source.take():
            sink.association.receive(datagram)

    parties[closer].association.close()
    exchange(client, server)

    assert parties[closer].association.state is CLOSED
    assert parties[closer].association.error is None


@pytest.mark.parametrize("state", [DtlsTransportState.CONNECTING, CONNECTED])
async def test_close_within_a_state_callback(state: DtlsTransportState) -> None:
    client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    client.verify(server)
    server.verify(client)

    def close() -> None:
        if client.events.states[-1] is state:
            client.association.close()

    client.events.on_any = close
    shake_hands(client, server)

    assert client.association.state is CLOSED


async def test_close_within_a_data_callback(pair: tuple[Party, Party]) -> None:
    client, server = pair
    server.events.on_any = server.association.close
    client.association.send_data(b"one")
    client.association.send_data(b"two")

    server.association.receive(b"".join(client.take()))

    assert server.events.data == [b"one"]
    assert server.association.state is CLOSED


async def test_datagrams_of_other_protocols_are_unexpected(pair: tuple[Party, Party]) -> None:
    client, _ = pair

    assert client.association.receive(b"\x00\x01" + bytes(18)) is ReceiveResult.UNEXPECTED
    assert client.association.receive(b"") is ReceiveResult.UNEXPECTED


async def test_association_bounds_the_inbound_srtp_streams(pair: tuple[Party, Party]) -> None:
    client, server = pair
    for ssrc in range(1, 1200):
        client.association.send_rtp(rtp(7, ssrc=ssrc))
        exchange(client, server)
    client.association.send_rtp(rtp(8, ssrc=1))
    client.association.send_rtp(rtp(8, ssrc=1199))

    exchange(client, server)

    assert len(server.events.rtp) == 1201


async def test_verification_uses_the_strongest_announced_hash() -> None:
    client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    client.association.verify(
        [
            Certificate.generate().fingerprint(HashFunction.SHA256),
            Certificate.generate().fingerprint(HashFunction.SHA512),
            server.certificate.fingerprint(HashFunction.SHA512),
        ]
    )

    shake_hands(client, server)

    assert client.association.state is CONNECTED


def test_the_parties_send_what_struct_would_write() -> None:
    assert struct.unpack("!BBHLL", rtp(513, b"", 7)) == (0x80, 96, 513, 0, 7)
