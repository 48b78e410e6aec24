"""Owns what of a handshake in clear OpenSSL is shown, and whose ClientHello is answered.

Until both sides have keys, whoever can write the peer's address into a packet can write a record
that OpenSSL takes for the peer's, and OpenSSL ends the connection on the first one that it does not
expect. What no peer of ours says at that point is therefore not shown to it.

Nor is a record whose header OpenSSL would not accept: it would skip that header alone and read the
body as further records, which nobody has looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from peer.states import DtlsRole
from peer.transport.dtls import reasons
from peer.transport.wire.dtls_records import HEADER_SIZE, ContentType, Form, Record, records

if TYPE_CHECKING:
    from peer.errors import DtlsError

_CLIENT_HELLO, _HELLO_VERIFY_REQUEST = 1, 3
# RFC 6347 section 4.2.2: type, length, message_seq, fragment_offset, fragment_length.
_MESSAGE_HEADER = 12
_RANDOM = slice(2, 34)
_FATAL, _CLOSE_NOTIFY = 2, 0

# RFC 6347 section 4.1 and RFC 9147 section 4: DTLS 1.2, and 1.3 says the same; 1.0 for what comes
# before the version is settled.
_VERSION = b"\xfe\xfd"
_VERSIONS_IN_CLEAR = (_VERSION, b"\xfe\xff")
# RFC 8446 section 5.2: of AEAD, whatever the version.
_LARGEST_BODY = 2**14 + 256
# RFC 5246 section 7.1.
_CHANGE = b"\1"

# RFC 5246 section 7.4: by type, what each of the two may say before the keys are there. Of DTLS 1.3
# (RFC 9147 section 5) it is ClientHello and ServerHello only; HelloRetryRequest is a ServerHello.
_EXPECTED = {
    # ServerHello, HelloVerifyRequest, NewSessionTicket, Certificate, ServerKeyExchange,
    # CertificateRequest, ServerHelloDone, CertificateStatus.
    DtlsRole.CLIENT: frozenset({2, 3, 4, 11, 12, 13, 14, 22}),
    # ClientHello, Certificate, CertificateVerify, ClientKeyExchange.
    DtlsRole.SERVER: frozenset({1, 11, 15, 16}),
}
# RFC 6347 section 4.2.1 has the ClientHello's record number in the HelloVerifyRequest. One beyond
# the window of the peer's replay protection would make it drop all that follows.
_LARGEST_NUMBER = 32


@dataclass(frozen=True, slots=True)
class Screened:
    """What is left of a datagram.

    Args:
        data: The records to show; may be empty.
        unified: Those that DTLS 1.3 protects, to show afterwards if that is what is spoken. To an
            older version they would be headers that it does not accept.
        doubt: Why the peer may have given up, if a record in clear says so. Anybody can have
            written it.
    """

    data: bytes
    unified: bytes
    doubt: DtlsError | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who begins a handshake: a ClientHello, or its first fragment.

    Args:
        random: The client's.
        cookie: Empty where the client was not asked for one.
    """

    random: bytes
    cookie: bytes


def screen(datagram: bytes, role: DtlsRole, *, may_change: bool = True) -> Screened:
    """Leave out what the peer has no reason to say.

    Args:
        datagram: As it was received.
        role: Ours.
        may_change: Whether the peer may have a reason to say ChangeCipherSpec.
    """
    kept = unified = b""
    doubt: DtlsError | None = None
    for record in records(datagram):
        match record.form:
            case Form.UNIFIED:
                unified += record.data
            case Form.PLAIN if _is_expected(record, role, may_change=may_change):
                kept += record.data
            case Form.PLAIN:
                doubt = doubt or _doubt(record, role)
            case never:
                assert_never(never)
    return Screened(kept, unified, doubt)


def changes(datagram: bytes) -> bool:
    """Whether it holds a ChangeCipherSpec."""
    return any(
        record.content_type == ContentType.CHANGE_CIPHER_SPEC for record in records(datagram)
    )


def calls(datagram: bytes) -> bool:
    """Whether it holds a ClientHello in clear, or a part of one."""
    is_clear = len(datagram) > HEADER_SIZE and not any(datagram[3:5])
    return (
        is_clear and datagram[0] == ContentType.HANDSHAKE and datagram[HEADER_SIZE] == _CLIENT_HELLO
    )


def caller_of(datagram: bytes) -> Caller | None:
    """Read the beginning of a ClientHello; None for anything else."""
    body = datagram[HEADER_SIZE + _MESSAGE_HEADER :]
    if len(body) <= _RANDOM.stop or datagram[0] != ContentType.HANDSHAKE:
        return None
    header = datagram[HEADER_SIZE : HEADER_SIZE + _MESSAGE_HEADER]
    in_clear = not any(datagram[3:5])
    first_fragment = not any(header[6:9])
    if header[0] != _CLIENT_HELLO or not (in_clear and first_fragment):
        return None
    cookie = body[_RANDOM.stop + 1 + body[_RANDOM.stop] :]
    return Caller(body[_RANDOM], cookie[1 : 1 + cookie[0]] if cookie else b"")


def hello_verify_request(call: bytes, cookie: bytes) -> bytes:
    """Ask whoever sent the ClientHello in `call` to show that it hears us (RFC 6347 4.2.1)."""
    # The version is that of DTLS 1.0, whatever is negotiated later.
    body = b"\xfe\xff" + bytes([len(cookie)]) + cookie
    length = len(body).to_bytes(3)
    message = bytes([_HELLO_VERIFY_REQUEST]) + length + bytes(5) + length + body
    number = min(int.from_bytes(call[5:11]), _LARGEST_NUMBER).to_bytes(6)
    header = bytes([ContentType.HANDSHAKE]) + b"\xfe\xff" + bytes(2) + number
    return header + len(message).to_bytes(2) + message


def _is_expected(record: Record, role: DtlsRole, *, may_change: bool) -> bool:
    body, version = record.body, record.data[1:3]
    if len(body) > _LARGEST_BODY:
        return False
    if record.epoch > 0:
        # Whatever is under keys proves itself.
        return version == _VERSION
    match record.content_type:
        case ContentType.CHANGE_CIPHER_SPEC:
            return may_change and version in _VERSIONS_IN_CLEAR and body == _CHANGE
        case ContentType.HANDSHAKE:
            return version in _VERSIONS_IN_CLEAR and bool(body) and body[0] in _EXPECTED[role]
        case _:
            # Not even an ACK (RFC 9147 section 7). Forged, it would keep us from sending again what
            # never arrived; a genuine one in clear saves no more than one retransmission.
            return False


def _doubt(record: Record, role: DtlsRole) -> DtlsError | None:
    body = record.body
    match record.content_type:
        case ContentType.ALERT if len(body) >= 2 and (
            body[0] == _FATAL or body[1] == _CLOSE_NOTIFY
        ):
            return reasons.alerted(body[1])
        case ContentType.HANDSHAKE if role is DtlsRole.CLIENT and body[:1] == bytes(
            [_CLIENT_HELLO]
        ):
            return reasons.both_clients()
        case _:
            return None
