"""Owns the view of DTLS records, of either form, and their packing into datagrams.

RFC 6347 section 4.1 for DTLS 1.2 and for what DTLS 1.3 sends in clear, RFC 9147 section 4 for the
unified header of what DTLS 1.3 protects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from typing import assert_never

HEADER_SIZE = 13
#: Of DTLS 1.3 (RFC 9147 section 6.1): 0 is in clear, and 1 early data, which we never take.
HANDSHAKE_EPOCH = 2

# RFC 9147 section 4, figure 3: 0 0 1, then connection ID, size of the number, length, epoch.
_FIXED_BITS, _FIXED = 0b1110_0000, 0b0010_0000
_CONNECTION_ID, _LONG_NUMBER, _LENGTH, _EPOCH = 0b1_0000, 0b1000, 0b100, 0b11


class ContentType(IntEnum):
    """What a record carries."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23
    #: DTLS 1.3 only (RFC 9147 section 7).
    ACK = 26


class Form(Enum):
    """Which of the two headers a record has."""

    #: 13 bytes: all of DTLS 1.2, and of DTLS 1.3 what is in clear.
    PLAIN = auto()
    #: 2 to 5 bytes: what DTLS 1.3 protects.
    UNIFIED = auto()


@dataclass(frozen=True, slots=True)
class Record:
    """One record, header and body.

    Args:
        form: Of its header.
        content_type: A `ContentType`, or another number; None where it is encrypted (RFC 9147
            section 4).
        epoch: 0 in clear; it rises with each change of keys. Of a unified header, which has its
            last two bits, the lowest that it may be.
        sequence_number: 48 bits, from 0 in each epoch; None where it is encrypted (RFC 9147
            section 4.2.3).
        body: What comes after the header.
        data: The whole record as it is on the wire.
    """

    form: Form
    content_type: int | None
    epoch: int
    sequence_number: int | None
    body: bytes
    data: bytes


def form_of(first: int) -> Form:
    """Tell by the first byte, as RFC 9147 section 4.1 does."""
    return Form.UNIFIED if first & _FIXED_BITS == _FIXED else Form.PLAIN


def records(data: bytes) -> Iterator[Record]:
    """Walk over whole records; one that is truncated, or cannot be measured, ends the walk."""
    start = 0
    while (end := _end(data, start)) is not None and end <= len(data):
        yield _record(data[start:end])
        start = end


def count_records(datagram: bytes) -> int:
    """How many records a datagram holds, a truncated one included."""
    count = start = 0
    while start < len(datagram):
        end = _end(datagram, start)
        start = len(datagram) if end is None else end
        count += 1
    return count


def first_epoch(datagram: bytes) -> int | None:
    """The epoch of the first record, as in `Record`; None where there is no whole header."""
    header = _HEADER_SIZES[datagram[0]] if datagram else None
    return None if header is None or header > len(datagram) else _epoch(datagram)


def pack(stream: bytes, mtu: int) -> list[bytes]:
    """Cut a run of records at their boundaries into datagrams of at most `mtu` bytes.

    A record that is itself greater than `mtu` travels alone: only its sender could have cut it.
    One without a length, or that cannot be measured, takes all that is left.
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
    """The size that the first byte announces; None where nobody knows it."""
    match form_of(first):
        case Form.PLAIN:
            return HEADER_SIZE
        case Form.UNIFIED if first & _CONNECTION_ID:
            # We negotiate none, so that only its sender knows how long it is.
            return None
        case Form.UNIFIED:
            return 1 + (2 if first & _LONG_NUMBER else 1) + (2 if first & _LENGTH else 0)
        case never:
            assert_never(never)


# Made once, as every datagram asks.
_HEADER_SIZES = tuple(map(_header_size, range(256)))


def _end(data: bytes, start: int) -> int | None:
    """Where the record ends by its own account; None where it does not say."""
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
        case Form.PLAIN as form:
            return Record(form, data[0], epoch, int.from_bytes(data[5:11]), body, data)
        case Form.UNIFIED as form:
            return Record(form, None, epoch, None, body, data)
        case never:
            assert_never(never)


def _epoch(data: bytes) -> int:
    if data[0] & _FIXED_BITS != _FIXED:
        return int.from_bytes(data[3:5])
    # RFC 9147 section 6.1: epoch 0 has no keys, so that two bits of 0 are those of 4 or 8.
    return data[0] & _EPOCH or _EPOCH + 1
