"""Owns the view of DTLS 1.2 records (RFC 6347 section 4.1) and their packing into datagrams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

HEADER_SIZE = 13


class ContentType(IntEnum):
    """What a record carries."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23


@dataclass(frozen=True, slots=True)
class Record:
    """One record, header and body.

    Args:
        content_type: A `ContentType`, or another number.
        epoch: 0 in clear; it rises with each change of keys.
        sequence_number: 48 bits, from 0 in each epoch.
        data: The whole record as it is on the wire.
    """

    content_type: int
    epoch: int
    sequence_number: int
    data: bytes


def records(data: bytes) -> Iterator[Record]:
    """Walk over whole records; a truncated one ends the walk."""
    start = 0
    while start + HEADER_SIZE <= len(data):
        end = start + HEADER_SIZE + int.from_bytes(data[start + 11 : start + 13])
        if end > len(data):
            return
        yield Record(
            content_type=data[start],
            epoch=int.from_bytes(data[start + 3 : start + 5]),
            sequence_number=int.from_bytes(data[start + 5 : start + 11]),
            data=data[start:end],
        )
        start = end


def count_records(datagram: bytes) -> int:
    """How many records a datagram holds, a truncated one included."""
    count = start = 0
    while start < len(datagram):
        start += HEADER_SIZE + int.from_bytes(datagram[start + 11 : start + 13])
        count += 1
    return count


def first_epoch(datagram: bytes) -> int | None:
    """The epoch of the first record, or None where the datagram is shorter than a header."""
    return int.from_bytes(datagram[3:5]) if len(datagram) >= HEADER_SIZE else None


def pack(stream: bytes, mtu: int) -> list[bytes]:
    """Cut a run of records at their boundaries into datagrams of at most `mtu` bytes.

    A record that is itself greater than `mtu` travels alone: only its sender could have cut it.
    """
    if len(stream) <= mtu:
        return [stream] if stream else []
    datagrams: list[bytes] = []
    pending = b""
    for record in records(stream):
        if pending and len(pending) + len(record.data) > mtu:
            datagrams.append(pending)
            pending = b""
        pending += record.data
    if pending:
        datagrams.append(pending)
    return datagrams
