"""Filters DTLS records in clear before OpenSSL sees them, and reads ClientHellos. PURE.

Until both sides have keys, an attacker who can write the peer's address into a packet can write a
record that OpenSSL takes for the peer's, and OpenSSL ends the connection on the first one that it
does not expect. Messages that no peer of ours sends at that point are therefore not shown to it.

Nor is a record whose header OpenSSL would not accept: it would skip that header alone and read the
body as further records, which nobody has looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from peer.states import DtlsRole
from peer.transport.dtls import reasons
from peer.transport.wire.dtls_records import HEADER_SIZE, ContentType, HeaderForm, Record, records
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.errors import DtlsError

# Handshake message types (RFC 5246 section 7.4, RFC 6347 section 4.3.2).
_CLIENT_HELLO, _HELLO_VERIFY_REQUEST = 1, 3
# Size of the header of a handshake message in bytes: type, length, message_seq, fragment_offset,
# fragment_length (RFC 6347 section 4.2.2).
_MESSAGE_HEADER = 12
# Position of the random in the body of a ClientHello (RFC 5246 section 7.4.1.2).
_RANDOM = slice(2, 34)
#: Alert for a certificate that is not the signalled one (RFC 5246 section 7.2.2).
BAD_CERTIFICATE: Final = 42
# Level and description of an alert (RFC 5246 section 7.2).
_FATAL, _CLOSE_NOTIFY = 2, 0

# RFC 6347 section 4.1 and RFC 9147 section 4: DTLS 1.2, and 1.3 says the same; 1.0 in records that
# come before the version is agreed.
_VERSION = b"\xfe\xfd"
_VERSIONS_IN_CLEAR = (_VERSION, b"\xfe\xff")
# Largest body of a record in bytes: of AEAD, in any version (RFC 8446 section 5.2).
_LARGEST_BODY = 2**14 + 256
# RFC 5246 section 7.1.
_CHANGE_CIPHER_SPEC = b"\1"

# RFC 5246 section 7.4: types of the handshake messages that a peer may send in clear, by our role.
# With DTLS 1.3 (RFC 9147 section 5) they are ClientHello and ServerHello only; HelloRetryRequest is
# a ServerHello.
_EXPECTED = {
    # ServerHello, HelloVerifyRequest, NewSessionTicket, Certificate, ServerKeyExchange,
    # CertificateRequest, ServerHelloDone, CertificateStatus.
    DtlsRole.CLIENT: frozenset({2, 3, 4, 11, 12, 13, 14, 22}),
    # ClientHello, Certificate, CertificateVerify, ClientKeyExchange.
    DtlsRole.SERVER: frozenset({1, 11, 15, 16}),
}
# Largest record number of a HelloVerifyRequest, which repeats that of the ClientHello (RFC 6347
# section 4.2.1). One beyond the window of the peer's replay protection would make it drop all that
# follows; it has at least 32 (section 4.1.2.6).
_LARGEST_NUMBER = 32


@dataclass(frozen=True, slots=True)
class FilteredDatagram:
    """Records of a datagram that OpenSSL may see.

    Args:
        plain: Expected records with the header of DTLS 1.2; may be empty.
        unified: Records that DTLS 1.3 protects, to show afterwards where 1.3 is spoken. To an older
            version they would be headers that it does not accept.
        suspicion: Why the peer may have given up, where a record in clear says so. Anybody can
            have written the record.
    """

    plain: bytes
    unified: bytes
    suspicion: DtlsError | None


@dataclass(frozen=True, slots=True)
class ClientHello:
    """Beginning of a ClientHello, which tells one client from another.

    Args:
        random: The client's 32 random bytes.
        cookie: Empty where the client was not asked for one.
    """

    random: bytes
    cookie: bytes


def filter_records(
    datagram: bytes, role: DtlsRole, *, accepts_change_cipher_spec: bool = True
) -> FilteredDatagram:
    """Leave out the records that a peer has no reason to send.

    Args:
        datagram: As it was received.
        role: Ours.
        accepts_change_cipher_spec: Whether the peer may have a reason to send ChangeCipherSpec.
    """
    plain = unified = b""
    suspicion: DtlsError | None = None
    for record in records(datagram):
        match record.form:
            case HeaderForm.UNIFIED:
                unified += record.data
            case HeaderForm.PLAIN if _is_expected(record, role, changes=accepts_change_cipher_spec):
                plain += record.data
            case HeaderForm.PLAIN:
                suspicion = suspicion or _suspicion(record, role)
            case never:
                assert_never(never)
    return FilteredDatagram(plain, unified, suspicion)


def has_change_cipher_spec(datagram: bytes) -> bool:
    """Tell whether a datagram holds a ChangeCipherSpec."""
    return any(
        record.content_type == ContentType.CHANGE_CIPHER_SPEC for record in records(datagram)
    )


def begins_with_client_hello(datagram: bytes) -> bool:
    """Tell whether a datagram begins with a ClientHello in clear, or with a part of one."""
    is_clear = len(datagram) > HEADER_SIZE and not any(datagram[3:5])
    return (
        is_clear and datagram[0] == ContentType.HANDSHAKE and datagram[HEADER_SIZE] == _CLIENT_HELLO
    )


def parse_client_hello(datagram: bytes) -> ClientHello | None:
    """Read the beginning of a ClientHello, or its first fragment; None for anything else."""
    body = datagram[HEADER_SIZE + _MESSAGE_HEADER :]
    if len(body) <= _RANDOM.stop or datagram[0] != ContentType.HANDSHAKE:
        return None
    header = datagram[HEADER_SIZE : HEADER_SIZE + _MESSAGE_HEADER]
    in_clear = not any(datagram[3:5])
    first_fragment = not any(header[6:9])
    if header[0] != _CLIENT_HELLO or not (in_clear and first_fragment):
        return None
    cookie = body[_RANDOM.stop + 1 + body[_RANDOM.stop] :]
    return ClientHello(body[_RANDOM], cookie[1 : 1 + cookie[0]] if cookie else b"")


def hello_verify_request(client_hello: bytes, *, cookie: bytes) -> bytes:
    """Write a HelloVerifyRequest, so that the client shows that it hears us (RFC 6347 4.2.1)."""
    # The version is that of DTLS 1.0 before any negotiation (RFC 6347 section 4.2.1).
    body = b"\xfe\xff" + bytes([len(cookie)]) + cookie
    length = len(body).to_bytes(3)
    message = bytes([_HELLO_VERIFY_REQUEST]) + length + bytes(5) + length + body
    number = min(int.from_bytes(client_hello[5:11]), _LARGEST_NUMBER).to_bytes(6)
    header = bytes([ContentType.HANDSHAKE]) + b"\xfe\xff" + bytes(2) + number
    return header + len(message).to_bytes(2) + message


def next_record_number(datagrams: Iterable[bytes]) -> int:
    """Number that follows those of the records in clear, for one more of them."""
    numbers = (
        record.sequence_number
        for datagram in datagrams
        for record in records(datagram)
        if record.epoch == 0 and record.sequence_number is not None
    )
    return max(numbers, default=-1) + 1


def fatal_alert(description: int, *, record_number: int) -> bytes:
    """Write a fatal alert in clear (RFC 5246 section 7.2).

    Args:
        description: Number of the alert.
        record_number: Sequence number of its record, which no record of ours had before.
    """
    header = bytes([ContentType.ALERT]) + _VERSION + bytes(2) + record_number.to_bytes(6)
    return header + (2).to_bytes(2) + bytes([_FATAL, description])


def _is_expected(record: Record, role: DtlsRole, *, changes: bool) -> bool:
    body, version = record.body, record.data[1:3]
    if len(body) > _LARGEST_BODY:
        return False
    if record.epoch > 0:
        # OpenSSL authenticates records under keys.
        return version == _VERSION
    match record.content_type:
        case ContentType.CHANGE_CIPHER_SPEC:
            return changes and version in _VERSIONS_IN_CLEAR and body == _CHANGE_CIPHER_SPEC
        case ContentType.HANDSHAKE:
            return version in _VERSIONS_IN_CLEAR and bool(body) and body[0] in _EXPECTED[role]
        case _:
            # Not even an ACK (RFC 9147 section 7). Forged, it would keep us from sending again what
            # never arrived; a genuine one in clear saves no more than one retransmission.
            return False


def _suspicion(record: Record, role: DtlsRole) -> DtlsError | None:
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
