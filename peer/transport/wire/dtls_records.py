"""Walks over the DTLS records of a datagram, and packs records into datagrams. PURE.

RFC 6347 section 4.1 for DTLS 1.2 and for what DTLS 1.3 sends in clear, RFC 9147 section 4 for the
unified header of what DTLS 1.3 protects.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, IntEnum, auto
from typing import assert_never

from peer.values import dataclass

#: Size of the header of a DTLS 1.2 record in bytes (RFC 6347 section 4.1).
HEADER_SIZE = 13
#: Epoch of the handshake in DTLS 1.3 (RFC 9147 section 6.1); 0 is in clear, 1 early data, which we
#: never take.
HANDSHAKE_EPOCH = 2

# RFC 9147 section 4, figure 3: 0 0 1, then connection ID, size of the number, length, epoch.
_FIXED_BITS, _FIXED = 0b1110_0000, 0b0010_0000
_CONNECTION_ID, _LONG_NUMBER, _LENGTH, _EPOCH = 0b1_0000, 0b1000, 0b100, 0b11


class ContentType(IntEnum):
    """Content type of a record (RFC 6347 section 4.1, RFC 9147 section 4.1)."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23
    #: DTLS 1.3 only (RFC 9147 section 7).
    ACK = 26


class HeaderForm(Enum):
    """Form of a record's header, of which DTLS 1.3 has two."""

    #: 13 bytes: every record of DTLS 1.2, and those of DTLS 1.3 that are in clear.
    PLAIN = auto()
    #: 2 to 5 bytes: the records that DTLS 1.3 protects.
    UNIFIED = auto()


@dataclass(frozen=True, slots=True)
class Record:
    """One DTLS record, header and body.

    Args:
        form: Form of the header.
        content_type: A `ContentType`, or another number; None where it is encrypted (RFC 9147
            section 4).
        epoch: 0 in clear; it rises with each change of keys. A unified header has the last two
            bits only, for which this is the lowest epoch that they may stand for.
        sequence_number: 48 bits, from 0 in each epoch; None where it is encrypted (RFC 9147
            section 4.2.3).
        body: The bytes after the header.
        data: The whole record as it is on the wire.
    """

    form: HeaderForm
    content_type: int | None
    epoch: int
    sequence_number: int | None
    body: bytes
    data: bytes


def form_of(first: int) -> HeaderForm:
    """Tell the form of a header by its first byte (RFC 9147 section 4.1)."""
    return HeaderForm.UNIFIED if first & _FIXED_BITS == _FIXED else HeaderForm.PLAIN


def records(data: bytes) -> Iterator[Record]:
    """Walk over the whole records of a datagram, up to a truncated or unmeasurable one."""
    start = 0
    while (end := _end(data, start)) is not None and end <= len(data):
        yield _record(data[start:end])
        start = end


def count_records(datagram: bytes) -> int:
    """Count the records of a datagram, a truncated one included."""
    count = start = 0
    while start < len(datagram):
        end = _end(datagram, start)
        start = len(datagram) if end is None else end
        count += 1
    return count


def first_epoch(datagram: bytes) -> int | None:
    """Read the epoch of the first record, as in `Record`; None where there is no whole header."""
    header = _HEADER_SIZES[datagram[0]] if datagram else None
    return None if header is None or header > len(datagram) else _epoch(datagram)


def pack(stream: bytes, mtu: int) -> list[bytes]:
    """Cut a run of records at their boundaries into datagrams of at most `mtu` bytes.

    A record that is itself larger than `mtu` travels alone: only its sender could have cut it.
    A record without a length, or of unknown length, takes all that is left.
    """
    if len(stream) <= mtu:
        return [stream] if stream else []
    datagrams: list[bytes] = []
    pending = b""
    walked = 0
    for record in records(stream):
        walked += len(record.data)
        if pending and len(pending) + len(record.data) > mtu:
            datagrams.append(pending)
            pending = b""
        pending += record.data
    return [datagram for datagram in (*datagrams, pending, stream[walked:]) if datagram]


def _header_size(first: int) -> int | None:
    """Size of the header that the first byte announces in bytes; None where it is unknown."""
    match form_of(first):
        case HeaderForm.PLAIN:
            return HEADER_SIZE
        case HeaderForm.UNIFIED if first & _CONNECTION_ID:
            # We negotiate no connection ID, so that only its sender knows how long it is.
            return None
        case HeaderForm.UNIFIED:
            return 1 + (2 if first & _LONG_NUMBER else 1) + (2 if first & _LENGTH else 0)
        case never:
            assert_never(never)


# Header sizes by first byte, made once, as they are looked up for every datagram.
_HEADER_SIZES = tuple(map(_header_size, range(256)))


def _end(data: bytes, start: int) -> int | None:
    """Position after the record by its own length; None where the length is unknown."""
    header = _HEADER_SIZES[data[start]] if start < len(data) else None
    if header is None or start + header > len(data):
        return None
    body = start + header
    if data[start] & _FIXED_BITS == _FIXED and not data[start] & _LENGTH:
        # RFC 9147 section 4: it takes the rest of the datagram.
        return len(data)
    return body + int.from_bytes(data[body - 2 : body])


def _record(data: bytes) -> Record:
    epoch, body = _epoch(data), data[_HEADER_SIZES[data[0]] :]
    match form_of(data[0]):
        case HeaderForm.PLAIN as form:
            return Record(form, data[0], epoch, int.from_bytes(data[5:11]), body, data)
        case HeaderForm.UNIFIED as form:
            return Record(form, None, epoch, None, body, data)
        case never:
            assert_never(never)


def _epoch(data: bytes) -> int:
    if data[0] & _FIXED_BITS != _FIXED:
        return int.from_bytes(data[3:5])
    # RFC 9147 section 6.1: epoch 0 has no keys, so that two bits of 0 are those of 4 or 8.
    return data[0] & _EPOCH or _EPOCH + 1
