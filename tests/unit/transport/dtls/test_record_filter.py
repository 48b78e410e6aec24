"""Handshakes under forged records, from an attacker who writes the peer's address into packets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.identity.certificate import Certificate
from peer.states import DtlsRole, DtlsTransportState
from peer.transport.dtls.counters import ReceiveResult
from peer.transport.dtls.handshake import MAX_CLIENT_HELLOS
from peer.transport.dtls.record_filter import (
    filter_records,
    hello_verify_request,
    parse_client_hello,
)
from peer.transport.wire.dtls_records import HeaderForm, pack, records
from tests.support.captures.dtls_reader import names
from tests.support.captures.injection import client_hello, record
from tests.support.captures.unified import unified
from tests.support.links.secure import Party, exchange, until
from tests.support.peers.tls_peer import TlsPeer, legacy_context

CONNECTED, FAILED = DtlsTransportState.CONNECTED, DtlsTransportState.FAILED
FATAL = record(21, 0, 9, bytes([2, 40]))


def started() -> tuple[Party, Party]:
    """A client and a server that know of each other; the ClientHello waits to be carried."""
    client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    client.verify(server)
    server.verify(client)
    server.association.start()
    client.association.start()
    return client, server


@pytest.mark.parametrize(
    ("role", "kept", "left_out"),
    [(DtlsRole.SERVER, (1, 11, 15, 16), (0, 2, 3, 14, 20)), (DtlsRole.CLIENT, (2, 14), (0, 1, 20))],
)
def test_only_expected_handshake_messages_pass_the_record_filter(
    role: DtlsRole, kept: tuple[int, ...], left_out: tuple[int, ...]
) -> None:
    for kind in (*kept, *left_out):
        message = record(22, 0, 0, bytes([kind]) + bytes(20))
        assert bool(filter_records(message, role).plain) is (kind in kept)


def test_records_of_one_datagram_are_filtered_one_by_one() -> None:
    hello, under_keys = client_hello(), record(22, 1, 0, bytes(40))

    filtered = filter_records(hello + FATAL + under_keys, DtlsRole.SERVER)

    assert filtered.plain == hello + under_keys
    assert "handshake_failure" in str(filtered.suspicion)


def test_warning_alert_in_clear_raises_no_suspicion() -> None:
    assert filter_records(record(21, 0, 0, bytes([1, 90])), DtlsRole.CLIENT).suspicion is None


@pytest.mark.parametrize("size", range(0, 60, 7))
def test_truncated_client_hello_is_not_parsed(size: int) -> None:
    assert parse_client_hello(client_hello()[:size]) is None


def test_hello_verify_request_keeps_within_the_replay_window() -> None:
    hello = client_hello()
    far = hello[:5] + b"\xff" * 6 + hello[11:]

    assert int.from_bytes(hello_verify_request(far, cookie=b"cookie")[5:11]) <= 32


async def test_an_alert_in_clear_is_believed_after_a_silence() -> None:
    client, server = started()
    client.association.receive(FATAL)
    assert client.association.state is DtlsTransportState.CONNECTING

    server.association.close()
    await until(lambda: client.association.state is FAILED, client.events)

    assert "handshake_failure" in str(client.association.error)


async def test_alert_in_clear_is_forgotten_when_the_handshake_goes_on() -> None:
    client, server = started()
    client.association.receive(FATAL)

    exchange(client, server)

    assert client.association.state is CONNECTED


async def test_filtered_datagram_is_out_of_place() -> None:
    client, _ = started()

    assert client.association.receive(FATAL) is ReceiveResult.OUT_OF_PLACE


async def test_second_client_hello_is_asked_for_a_cookie() -> None:
    client, server = started()
    exchange_one(client, server)
    server.take()

    server.association.receive(client_hello())

    assert [names(datagram) for datagram in server.take()] == [["HelloVerifyRequest"]]


async def test_peer_gets_through_after_a_forged_client_hello() -> None:
    client, server = started()
    for _ in range(50):
        server.association.receive(client_hello())

    exchange(client, server)

    assert client.association.state is CONNECTED
    assert server.association.state is CONNECTED
    assert server.events.handshakes == 1


async def test_unacceptable_client_hello_does_not_stop_the_peers_own() -> None:
    client, server = started()
    (hello,) = client.events.sent
    server.association.receive(hello[:25] + b"\xfe\xff" + hello[27:])
    assert [names(datagram) for datagram in server.take()] == [["Alert"]]

    exchange(client, server)

    assert server.association.state is CONNECTED


async def test_client_hello_in_two_fragments_gets_through() -> None:
    certificate = Certificate.generate()
    context = legacy_context(b"ECDHE-ECDSA-AES128-GCM-SHA256", certificate)
    context.set_alpn_protos([bytes([65 + n]) * 250 for n in range(5)])
    client = TlsPeer(context, client=True)
    server = Party.make(DtlsRole.SERVER)
    server.association.verify([certificate.fingerprint()])
    server.association.start()
    server.association.receive(client_hello())
    server.take()

    while server.association.state is not CONNECTED:
        sent = pack(client.take(), 1200)
        for datagram in sent:
            server.association.receive(datagram)
        answers = server.take()
        assert sent or answers
        for datagram in answers:
            client.ssl.bio_write(datagram)


async def test_client_sends_a_bounded_number_of_client_hellos() -> None:
    """A server that answers each call as if it were another's."""
    client = Party.make(DtlsRole.CLIENT)
    client.association.start()
    hellos = 0
    while client.association.state is not FAILED:
        client.take()
        hellos += 1
        liar = TlsPeer(legacy_context(b"ECDHE-ECDSA-AES128-GCM-SHA256"), client=False)
        liar.ssl.bio_write(client_hello())
        client.association.receive(liar.take())

    assert hellos == MAX_CLIENT_HELLOS
    assert "could not prove" in str(client.association.error)


def exchange_one(client: Party, server: Party) -> None:
    for datagram in client.take():
        server.association.receive(datagram)


FATAL = record(21, 0, 9, bytes([2, 40]))


def envelope(content_type: int, version: bytes, epoch: int, body: bytes = FATAL) -> bytes:
    """A record with an alert for a body."""
    header = bytes([content_type]) + version + epoch.to_bytes(2) + bytes(6)
    return header + len(body).to_bytes(2) + body


#: A ClientHello's type and length, then whatever fills one header, and the alert.
IN_A_MESSAGE = bytes([1]) + bytes(12) + FATAL
ENVELOPES = {
    "another major version, under keys": envelope(22, b"\0\0", 1),
    "another major version, in clear": envelope(20, b"\0\0", 0),
    "DTLS 1.0, under keys": envelope(23, b"\xfe\xff", 1),
    "a ChangeCipherSpec that is too long": envelope(20, b"\xfe\xfd", 0),
    "more than a record may hold": envelope(22, b"\xfe\xfd", 1, FATAL * 1200),
    "a message of another major version": envelope(22, b"\0\0", 0, IN_A_MESSAGE),
    "a unified header, as DTLS 1.2 would read it": bytes([0x22]) + bytes(12) + FATAL,
}


@pytest.mark.parametrize("role", DtlsRole)
@pytest.mark.parametrize("sealed", ENVELOPES.values(), ids=ENVELOPES.keys())
async def test_alert_wrapped_in_another_record_ends_no_handshake(
    sealed: bytes, role: DtlsRole
) -> None:
    client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    client.verify(server)
    server.verify(client)
    server.association.start()
    client.association.start()
    # Amid the handshake: the server has answered.
    for datagram in client.events.sent:
        server.association.receive(datagram)

    (client if role is DtlsRole.CLIENT else server).association.receive(sealed)
    exchange(client, server)

    assert client.association.state is DtlsTransportState.CONNECTED
    assert server.association.state is DtlsTransportState.CONNECTED


@pytest.mark.parametrize("role", DtlsRole)
@pytest.mark.parametrize("sealed", ENVELOPES.values(), ids=ENVELOPES.keys())
def test_records_that_wrap_others_do_not_pass_the_record_filter(
    sealed: bytes, role: DtlsRole
) -> None:
    assert filter_records(sealed, role).plain == b""


@given(st.binary(max_size=120), st.sampled_from(DtlsRole))
def test_filtered_records_have_headers_that_openssl_accepts(data: bytes, role: DtlsRole) -> None:
    filtered = filter_records(data, role)

    assert all(each.data[1:3] in (b"\xfe\xfd", b"\xfe\xff") for each in records(filtered.plain))
    assert all(each.form is HeaderForm.UNIFIED for each in records(filtered.unified))


def test_record_filter_keeps_unified_records_apart() -> None:
    hello, protected = record(22, 0, 0, bytes([2]) + bytes(40)), unified(epoch=2)

    filtered = filter_records(hello + protected + protected, DtlsRole.CLIENT)

    assert (filtered.plain, filtered.unified) == (hello, protected * 2)


@pytest.mark.parametrize("role", DtlsRole)
def test_ack_in_clear_is_filtered_without_suspicion(role: DtlsRole) -> None:
    ack = record(26, 0, 1, bytes(18))

    filtered = filter_records(ack, role)

    assert (filtered.plain, filtered.suspicion) == (b"", None)


def test_the_version_of_a_first_hello_is_no_reason_to_leave_it_out() -> None:
    hello = client_hello()

    assert hello[1:3] == b"\xfe\xff"
    assert filter_records(hello, DtlsRole.SERVER).plain == hello
