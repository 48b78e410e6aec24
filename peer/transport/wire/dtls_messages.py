"""Names the messages in a DTLS datagram, for the trace (RFC 5763 section 7.1). PURE."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, assert_never

from peer.transport.wire.dtls_records import (
    HANDSHAKE_EPOCH,
    ContentType,
    HeaderForm,
    first_epoch,
    form_of,
    records,
)

if TYPE_CHECKING:
    from peer.transport.wire.dtls_records import Record

# Size of the header of a handshake message in bytes: type, length, message_seq, fragment_offset,
# fragment_length (RFC 6347 section 4.2.2).
_MESSAGE_HEADER = 12

# Handshake message type (RFC 5246 section 7.4).
_SERVER_HELLO = 2
# Random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3).
_RETRY = hashlib.sha256(b"HelloRetryRequest").digest()

#: Names of the handshake messages by type (RFC 5246 section 7.4, RFC 6347 section 4.3.2).
_HANDSHAKE = {
    0: "HelloRequest",
    1: "ClientHello",
    2: "ServerHello",
    3: "HelloVerifyRequest",
    4: "NewSessionTicket",
    11: "Certificate",
    12: "ServerKeyExchange",
    13: "CertificateRequest",
    14: "ServerHelloDone",
    15: "CertificateVerify",
    16: "ClientKeyExchange",
    20: "Finished",
}
#: Names of the alerts by description (RFC 5246 section 7.2, RFC 8446 section 6).
ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    40: "handshake_failure",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    116: "certificate_required",
}

#: Bound on the names for one datagram (ours); a datagram of a sane peer has ten at most.
MAX_NAMES = 32


def message_names(datagram: bytes) -> tuple[str, ...]:
    """Name the messages of a datagram in order, at most `MAX_NAMES`, without unreadable ones.

    A fragment says which bytes of its message it has: `ClientHello (0 to 1183 of 1404 bytes)`.
    """
    names = (name for record in records(datagram) for name in _names(record))
    return tuple(islice(names, MAX_NAMES))


def is_payload(datagram: bytes) -> bool:
    """Tell whether a DTLS datagram is under the keys of a completed handshake.

    DTLS 1.3 hides what it is, so that tickets, updates of keys and ACKs count as well; they are
    few. Once in four updates of keys an epoch looks like the handshake's.
    """
    match form_of(datagram[0]):
        case HeaderForm.PLAIN:
            return datagram[0] == ContentType.APPLICATION_DATA
        case HeaderForm.UNIFIED:
            return first_epoch(datagram) != HANDSHAKE_EPOCH
        case never:
            assert_never(never)


def _names(record: Record) -> Iterator[str]:
    match record.form:
        case HeaderForm.PLAIN:
            yield from _plain_names(record)
        case HeaderForm.UNIFIED if record.epoch == HANDSHAKE_EPOCH:
            yield "handshake messages (encrypted)"
        case HeaderForm.UNIFIED:
            yield "protected record"
        case never:
            assert_never(never)


def _plain_names(record: Record) -> Iterator[str]:
    body = record.body
    match record.content_type:
        case ContentType.CHANGE_CIPHER_SPEC:
            yield "ChangeCipherSpec"
        case ContentType.APPLICATION_DATA:
            yield "ApplicationData"
        case ContentType.HANDSHAKE if record.epoch == 0:
            yield from _handshake_names(body)
        case ContentType.HANDSHAKE:
            # As renegotiation is refused, nothing else comes under the keys.
            yield "Finished (encrypted)"
        case ContentType.ALERT if record.epoch == 0 and len(body) >= 2:
            yield f"Alert ({ALERTS.get(body[1], body[1])})"
        case ContentType.ALERT:
            yield "Alert (encrypted)"
        case ContentType.ACK:
            yield "ACK"
        case unknown:
            yield f"record of type {unknown}"


def _handshake_names(body: bytes) -> Iterator[str]:
    """Name the handshake messages of one record, which may hold several, or a part of one."""
    start = 0
    while start + _MESSAGE_HEADER <= len(body):
        header = body[start : start + _MESSAGE_HEADER]
        length = int.from_bytes(header[1:4])
        offset, size = int.from_bytes(header[6:9]), int.from_bytes(header[9:12])
        name = _HANDSHAKE.get(header[0], f"handshake message {header[0]}")
        if header[0] == _SERVER_HELLO and _RETRY in body[start + _MESSAGE_HEADER :]:
            name = "HelloRetryRequest"
        whole = size == length
        yield name if whole else f"{name} ({offset} to {offset + size - 1} of {length} bytes)"
        start += _MESSAGE_HEADER + size
