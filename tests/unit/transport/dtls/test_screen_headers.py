"""No header reaches OpenSSL that it would skip alone, to read what is behind it as records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.states import DtlsRole, DtlsTransportState
from peer.transport.dtls.record_filter import filter_records
from peer.transport.wire.dtls_records import HeaderForm, records
from tests.support.captures.injection import client_hello, record
from tests.support.captures.unified import unified
from tests.support.links.secure import Party, exchange

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
async def test_an_alert_in_an_envelope_ends_no_handshake(sealed: bytes, role: DtlsRole) -> None:
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
def test_no_envelope_is_shown(sealed: bytes, role: DtlsRole) -> None:
    assert filter_records(sealed, role).plain == b""


@given(st.binary(max_size=120), st.sampled_from(DtlsRole))
def test_whatever_is_shown_has_a_header_that_openssl_takes(data: bytes, role: DtlsRole) -> None:
    filtered = filter_records(data, role)

    assert all(each.data[1:3] in (b"\xfe\xfd", b"\xfe\xff") for each in records(filtered.plain))
    assert all(each.form is HeaderForm.UNIFIED for each in records(filtered.unified))


def test_what_dtls_1_3_protects_is_kept_apart() -> None:
    hello, protected = record(22, 0, 0, bytes([2]) + bytes(40)), unified(epoch=2)

    filtered = filter_records(hello + protected + protected, DtlsRole.CLIENT)

    assert (filtered.plain, filtered.unified) == (hello, protected * 2)


@pytest.mark.parametrize("role", DtlsRole)
def test_an_ack_in_clear_is_left_out_without_a_doubt(role: DtlsRole) -> None:
    ack = record(26, 0, 1, bytes(18))

    filtered = filter_records(ack, role)

    assert (filtered.plain, filtered.suspicion) == (b"", None)


def test_the_version_of_a_first_hello_is_no_reason_to_leave_it_out() -> None:
    hello = client_hello()

    assert hello[1:3] == b"\xfe\xff"
    assert filter_records(hello, DtlsRole.SERVER).plain == hello
