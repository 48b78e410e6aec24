from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.states import DtlsRole
from peer.transport.wire.dtls_messages import MAX_NAMES, message_names
from peer.transport.wire.dtls_records import ContentType
from tests.support.captures.unified import unified
from tests.support.links.secure import Party


def record(content_type: int, body: bytes, epoch: int = 0) -> bytes:
    header = bytes([content_type, 0xFE, 0xFD]) + epoch.to_bytes(2) + bytes(6)
    return header + len(body).to_bytes(2) + body


def message(kind: int, size: int, *, offset: int = 0, length: int | None = None) -> bytes:
    whole = size if length is None else length
    sizes = whole.to_bytes(3) + bytes(2) + offset.to_bytes(3) + size.to_bytes(3)
    return bytes([kind]) + sizes + bytes(size)


def retry_request() -> bytes:
    """RFC 8446 section 4.1.3: the random is a certain one."""
    random = "CF21AD74E59A6111BE1D8C021E65B891C2A211167ABB8C5E079E09E2C8A8339C"
    return message(2, 34)[:-34] + b"\xfe\xfd" + bytes.fromhex(random)


HANDSHAKE, ALERT = ContentType.HANDSHAKE, ContentType.ALERT


@pytest.mark.parametrize(
    ("datagram", "names"),
    [
        (record(HANDSHAKE, message(1, 9)), ["ClientHello"]),
        (record(HANDSHAKE, message(2, 4) + message(11, 3)), ["ServerHello", "Certificate"]),
        (
            record(HANDSHAKE, message(1, 100, offset=50, length=400)),
            ["ClientHello (50 to 149 of 400 bytes)"],
        ),
        (record(HANDSHAKE, message(99, 0)), ["handshake message 99"]),
        (record(HANDSHAKE, bytes(24), epoch=1), ["Finished (encrypted)"]),
        (record(ContentType.CHANGE_CIPHER_SPEC, b"\1"), ["ChangeCipherSpec"]),
        (record(ContentType.APPLICATION_DATA, bytes(40), epoch=1), ["ApplicationData"]),
        (record(ALERT, b"\2\x28"), ["Alert (handshake_failure)"]),
        (record(ALERT, b"\2\xff"), ["Alert (255)"]),
        (record(ALERT, bytes(18), epoch=1), ["Alert (encrypted)"]),
        (record(24, b""), ["record of type 24"]),
        (record(ContentType.ACK, bytes(18)), ["ACK"]),
        (unified(epoch=2), ["handshake messages (encrypted)"]),
        (unified(epoch=3), ["protected record"]),
        (
            record(HANDSHAKE, message(2, 4)) + unified(epoch=2) + unified(epoch=3),
            ["ServerHello", "handshake messages (encrypted)", "protected record"],
        ),
        (unified(epoch=2, connection_id=b"id"), []),
        (record(HANDSHAKE, retry_request()), ["HelloRetryRequest"]),
        (record(HANDSHAKE, message(1, 9))[:-1], []),
        (record(HANDSHAKE, message(1, 9)[:11]), []),
    ],
)
def test_messages_of_a_dtls_datagram_have_names(datagram: bytes, names: list[str]) -> None:
    assert list(message_names(datagram)) == names


@given(st.binary(max_size=300), st.sampled_from(ContentType))
def test_message_names_never_raises(noise: bytes, content_type: ContentType) -> None:
    message_names(noise)
    message_names(record(content_type, noise))


def test_message_names_is_bounded() -> None:
    names = message_names(record(HANDSHAKE, message(1, 0)) * 1000)
    assert names == ("ClientHello",) * MAX_NAMES


async def test_a_handshake_shows_the_messages_of_rfc_5763_section_7_1_in_their_order() -> None:
    client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    wire: list[bytes] = []
    server.association.start()
    client.association.start()
    while client.events.sent or server.events.sent:
        for source, sink in ((client, server), (server, client)):
            for datagram in source.take():
                wire.append(datagram)
                sink.association.receive(datagram)
    assert [name for datagram in wire for name in message_names(datagram)] == [
        "ClientHello",
        "ServerHello",
        "Certificate",
        "ServerKeyExchange",
        "CertificateRequest",
        "ServerHelloDone",
        "Certificate",
        "ClientKeyExchange",
        "CertificateVerify",
        "ChangeCipherSpec",
        "Finished (encrypted)",
        "ChangeCipherSpec",
        "Finished (encrypted)",
    ]
