"""Verification of the peer, before which no packet reaches the application."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from peer.identity.certificate import Certificate
from peer.identity.fingerprints import Fingerprint, HashFunction
from peer.states import DtlsRole, DtlsTransportState
from peer.transport.dtls.connection import dtls_context
from peer.transport.dtls.counters import ReceiveResult
from peer.transport.wire.dtls_records import ContentType, records
from tests.support.links.secure import (
    Party,
    connected_parties,
    exchange,
    rtcp,
    rtp,
    shake_hands,
    until,
)
from tests.support.peers.tls_peer import TlsPeer, legacy_context

CONNECTED = DtlsTransportState.CONNECTED
FAILED = DtlsTransportState.FAILED


def half_verified() -> tuple[Party, Party]:
    """A client that may send, and a server that has no answer yet."""
    client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    client.verify(server)
    shake_hands(client, server)
    return client, server


@pytest.mark.conformance("5-early-hello")
async def test_the_handshake_completes_before_the_answer() -> None:
    client, server = half_verified()

    assert client.association.state is CONNECTED
    assert server.association.state is DtlsTransportState.CONNECTING
    assert not server.association.handshaking


@pytest.mark.conformance("5-fp-match")
async def test_no_packet_is_delivered_or_sent_before_verification() -> None:
    client, server = half_verified()
    client.association.send_rtp(rtp(1))
    client.association.send_rtcp(rtcp())
    client.association.send_data(b"data")

    exchange(client, server)

    assert (server.events.rtp, server.events.rtcp, server.events.data) == ([], [], [])
    assert not server.association.send_rtp(rtp(1))
    assert not server.association.send_data(b"data")
    assert server.take() == []


async def test_early_packets_are_delivered_in_order_on_verification() -> None:
    client, server = half_verified()
    log: list[str] = []
    server.events.on_any = lambda: log.append(
        f"{len(server.events.rtp)}{len(server.events.rtcp)}{len(server.events.data)}"
    )
    for number in range(3):
        client.association.send_rtp(rtp(number))
        client.association.send_rtcp(rtcp())
        client.association.send_data(bytes([number]))
    exchange(client, server)

    server.verify(client)

    assert server.association.state is CONNECTED
    assert server.events.rtp == [rtp(0), rtp(1), rtp(2)]
    assert server.events.data == [b"\0", b"\1", b"\2"]
    assert log[1:] == ["100", "110", "111", "211", "221", "222", "322", "332", "333"]


async def test_packets_that_arrive_during_delivery_stay_behind_early_ones() -> None:
    client, server = half_verified()
    for number in range(2):
        client.association.send_rtp(rtp(number))
    exchange(client, server)
    client.association.send_rtp(rtp(2))
    late = client.take()

    def arrive() -> None:
        while late and server.events.rtp:
            server.association.receive(late.pop())

    server.events.on_any = arrive
    server.verify(client)

    assert server.events.rtp == [rtp(0), rtp(1), rtp(2)]


async def test_srtp_that_overtakes_the_handshake_is_buffered() -> None:
    client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    client.verify(server)
    server.verify(client)
    server.association.start()
    client.association.start()
    for source, sink in ((client, server), (server, client), (client, server)):
        for datagram in source.take():
            sink.association.receive(datagram)
    last_flight = server.take()
    messages = [bytes([number]) for number in range(10)]
    server.association.send_rtp(rtp(1))
    for message in messages:
        server.association.send_data(message)

    for datagram in server.take() + last_flight:
        client.association.receive(datagram)

    assert client.events.rtp == [rtp(1)]
    assert client.events.data == messages


async def test_early_packets_are_bounded_and_the_oldest_goes() -> None:
    client, server = half_verified()
    for number in range(100):
        client.association.send_rtp(rtp(number))
    exchange(client, server)

    server.verify(client)

    assert server.events.rtp == [rtp(number) for number in range(36, 100)]
    assert server.association.counters.dropped_early == 36


async def test_early_packets_are_bounded_in_bytes() -> None:
    client, server = half_verified()
    for number in range(10):
        client.association.send_data(bytes([number]) * 16_000)
    exchange(client, server)

    server.verify(client)

    assert [message[0] for message in server.events.data] == [6, 7, 8, 9]
    assert server.association.counters.dropped_early == 6


async def test_undecryptable_early_media_is_bounded_too() -> None:
    server = Party.make(DtlsRole.SERVER)
    server.association.start()

    for number in range(100):
        assert server.association.receive(rtp(number)) is ReceiveResult.BUFFERED

    assert server.association.counters.dropped_early == 36


@pytest.mark.conformance("5-fp-mismatch")
@pytest.mark.parametrize("late", [False, True])
async def test_mismatch_fails_and_names_both_fingerprints(late: bool) -> None:
    client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    expected = Certificate.generate().fingerprint()
    client.verify(server)
    if not late:
        server.association.verify([expected])
    shake_hands(client, server)
    client.association.send_rtp(rtp(1))
    exchange(client, server)
    server.association.verify([expected])
    exchange(client, server)

    assert server.association.state is FAILED
    assert str(expected) in str(server.association.error)
    assert f"shown {client.certificate.fingerprint()}" in str(server.association.error)
    assert server.events.rtp == []
    assert not server.association.send_rtp(rtp(1))
    # And the peer knows: by close_notify, or by an alert in clear, which it believes later.
    assert client.association.state is (
        DtlsTransportState.CLOSED if late else DtlsTransportState.CONNECTING
    )


async def test_a_mismatch_found_while_connected_fails() -> None:
    _client, server = connected_parties()

    server.association.verify([Certificate.generate().fingerprint()])

    assert server.association.state is FAILED


async def test_the_same_fingerprint_again_changes_nothing() -> None:
    client, server = connected_parties()

    server.verify(client)

    assert server.events.states.count(CONNECTED) == 1
    assert server.association.state is CONNECTED


@pytest.mark.conformance("5-fp-match")
async def test_a_weaker_hash_that_matches_does_not_help() -> None:
    client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    server.association.verify(
        [
            client.certificate.fingerprint(HashFunction.SHA256),
            Certificate.generate().fingerprint(HashFunction.SHA384),
        ]
    )

    shake_hands(client, server)

    assert server.association.state is FAILED


@pytest.mark.parametrize("names", [[], ["sha-1"], ["md5", "sha-1"]])
async def test_no_fingerprint_by_a_known_hash_is_a_failure(names: list[str]) -> None:
    server = Party.make(DtlsRole.SERVER)
    server.association.start()

    server.association.verify([Fingerprint(name, "AB") for name in names])

    assert server.association.state is FAILED
    assert (", ".join(names) or "none at all") in str(server.association.error)


@pytest.mark.conformance("8.8-pfs")
async def test_a_peer_without_dtls_1_2_is_refused() -> None:
    server = Party.make(DtlsRole.SERVER)
    server.association.start()
    client = Party.make(DtlsRole.CLIENT)
    client.association.start()
    (hello,) = client.take()
    # The version of the ClientHello, behind both headers.
    server.association.receive(hello[:25] + b"\xfe\xff" + hello[27:])
    # Somebody else may have sent it, so that a better one would still be welcome.
    await until(lambda: server.association.state is FAILED, server.events)

    assert "does not speak DTLS 1.2" in str(server.association.error)
    assert server.association.error is not None
    assert isinstance(server.association.error.__cause__, SSL.Error)


@pytest.mark.conformance("8.8-pfs")
@pytest.mark.parametrize("role", list(DtlsRole))
async def test_a_peer_without_forward_secrecy_is_refused(role: DtlsRole) -> None:
    ours = Party.make(role)
    peer = TlsPeer(legacy_context(b"AES128-GCM-SHA256:AES256-GCM-SHA384"), client=role == "server")
    ours.association.start()

    peer.exchange(ours)
    # A client is told by an alert in clear, which it does not believe at once.
    await until(lambda: ours.association.state is FAILED, ours.events)

    assert not peer.complete


async def test_a_peer_without_a_certificate_is_refused() -> None:
    ours = Party.make(DtlsRole.SERVER)
    peer = TlsPeer(SSL.Context(SSL.DTLS_METHOD), client=True)
    ours.association.start()

    peer.exchange(ours)

    assert ours.association.state is FAILED
    assert "shows no certificate" in str(ours.association.error)


async def test_a_peer_without_srtp_connects_for_data() -> None:
    certificate = Certificate.generate()
    ours = Party.make(DtlsRole.SERVER)
    ours.association.verify([certificate.fingerprint()])
    context = legacy_context(b"ECDHE-ECDSA-AES128-GCM-SHA256", certificate)
    peer = TlsPeer(context, client=True)
    ours.association.start()

    peer.exchange(ours)
    peer.ssl.send(b"data")
    peer.exchange(ours)

    assert ours.association.state is CONNECTED
    assert ours.association.srtp_profile is None
    assert ours.events.data == [b"data"]
    assert not ours.association.send_rtp(rtp(1))
    assert ours.association.receive(rtp(1)) is ReceiveResult.UNEXPECTED


@pytest.mark.conformance("6.8-no-renegotiation")
@pytest.mark.parametrize("role", list(DtlsRole))
async def test_a_renegotiation_is_refused_and_hurts_nothing(role: DtlsRole) -> None:
    certificate = Certificate.generate()
    ours = Party.make(role)
    ours.association.verify([certificate.fingerprint()])
    context = legacy_context(b"ECDHE-ECDSA-AES128-GCM-SHA256", certificate)
    peer = TlsPeer(context, client=role == "server")
    ours.association.start()
    peer.exchange(ours)
    assert ours.association.state is CONNECTED
    shown = ours.association.peer_certificate_der

    # Only the request: an OpenSSL client ends the connection itself when it is refused.
    peer.renegotiate()
    ours.association.receive(peer.take())

    assert ours.association.state is CONNECTED
    assert ours.association.peer_certificate_der == shown
    assert ours.events.handshakes == 1
    # It says so, by a warning under the old keys.
    answer = [(r.content_type, r.epoch) for d in ours.take() for r in records(d)]
    assert answer == [(ContentType.ALERT, 1)]
    assert ours.association.send_data(b"still here")


async def test_forged_alert_in_clear_does_not_end_a_connection() -> None:
    client, server = connected_parties()
    fatal = bytes([21, 0xFE, 0xFD]) + bytes(8) + b"\x00\x02" + b"\x02\x28"

    server.association.receive(fatal)
    client.association.send_data(b"still here")
    exchange(client, server)

    assert server.association.state is CONNECTED
    assert server.events.data == [b"still here"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=80),
            st.binary(max_size=80).map(lambda b: b"\x16\xfe\xfd" + b),
            st.binary(max_size=80).map(
                lambda b: b"\x16\xfe\xfd\0\0" + bytes(6) + len(b).to_bytes(2) + b
            ),
            st.binary(max_size=80).map(lambda b: b"\x80\x60" + b),
        ),
        max_size=8,
    ),
    st.sampled_from(list(DtlsRole)),
)
async def test_no_datagrams_make_receive_raise(datagrams: list[bytes], role: DtlsRole) -> None:
    party = Party.make(role)
    party.verify(Party.make(role))
    party.association.start()

    for datagram in datagrams:
        party.association.receive(datagram)

    assert party.association.state is not CONNECTED
    party.association.close()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(min_value=0, max_value=3),
    st.integers(min_value=0, max_value=2000),
    st.integers(min_value=1, max_value=255),
)
async def test_a_corrupted_flight_never_raises_and_never_passes_for_verified(
    flight: int, position: int, change: int
) -> None:
    parties = client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    client.verify(server)
    server.verify(client)
    server.association.start()
    client.association.start()
    for turn in range(4):
        source, sink = parties if turn % 2 == 0 else parties[::-1]
        for datagram in source.take():
            corrupt = bytearray(datagram)
            if turn == flight:
                corrupt[position % len(corrupt)] ^= change
            sink.association.receive(bytes(corrupt))

    for party, other in (parties, parties[::-1]):
        if party.association.state is CONNECTED:
            assert party.association.peer_certificate_der == other.certificate.der
        if party.association.state is FAILED:
            assert str(party.association.error)
        party.association.close()


def test_our_own_context_offers_no_more_than_forward_secrecy() -> None:
    ciphers = SSL.Connection(dtls_context()).get_cipher_list()

    assert all(name.startswith(("ECDHE-", "TLS_")) for name in ciphers)
    assert not any("CBC" in name or name.endswith("-SHA") for name in ciphers)
