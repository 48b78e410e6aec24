"""EBML elements (RFC 8794) and the identifiers of Matroska (RFC 9559)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

#: Identifier of an element, with the marker of its length (RFC 8794 section 5).
ElementId: TypeAlias = int

EBML, EBML_VERSION, EBML_READ_VERSION = 0x1A45DFA3, 0x4286, 0x42F7
MAX_ID_LENGTH, MAX_SIZE_LENGTH = 0x42F2, 0x42F3
DOC_TYPE, DOC_TYPE_VERSION, DOC_TYPE_READ_VERSION = 0x4282, 0x4287, 0x4285
SEGMENT, INFO, TIMESTAMP_SCALE, DURATION = 0x18538067, 0x1549A966, 0x2AD7B1, 0x4489
MUXING_APP, WRITING_APP = 0x4D80, 0x5741
SEEK_HEAD, SEEK, SEEK_ID, SEEK_POSITION = 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
TRACKS, TRACK_ENTRY, TRACK_NUMBER, TRACK_UID = 0x1654AE6B, 0xAE, 0xD7, 0x73C5
TRACK_TYPE, CODEC_ID, CODEC_PRIVATE, SEEK_PRE_ROLL = 0x83, 0x86, 0x63A2, 0x56BB
VIDEO, PIXEL_WIDTH, PIXEL_HEIGHT = 0xE0, 0xB0, 0xBA
AUDIO, SAMPLING_FREQUENCY, CHANNELS = 0xE1, 0xB5, 0x9F
CLUSTER, TIMESTAMP, SIMPLE_BLOCK = 0x1F43B675, 0xE7, 0xA3
CUES, CUE_POINT, CUE_TIME = 0x1C53BB6B, 0xBB, 0xB3
CUE_TRACK_POSITIONS, CUE_TRACK, CUE_CLUSTER_POSITION = 0xB7, 0xF7, 0xF1
VOID = 0xEC  # Element that readers skip (RFC 8794 section 11.3.2).
VIDEO_TRACK, AUDIO_TRACK = 1, 2

#: Bytes of an element's size, as we write it (ours).
SIZE_OCTETS = 8
#: Size of an element of unknown size (RFC 8794 section 6.2).
UNKNOWN_SIZE = b"\x01" + b"\xff" * 7


def octets_of(identifier: ElementId) -> bytes:
    """Encode an identifier, which includes the marker of its length."""
    return identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")


def size_of(octets: int) -> bytes:
    """Encode a size in eight bytes."""
    return (octets | 1 << 56).to_bytes(SIZE_OCTETS, "big")


def element(identifier: ElementId, data: bytes) -> bytes:
    """Encode an element with its contents."""
    return octets_of(identifier) + size_of(len(data)) + data


def number(identifier: ElementId, value: int) -> bytes:
    """Encode an element of an unsigned number in eight bytes."""
    return element(identifier, value.to_bytes(8, "big"))


def elements(data: bytes) -> Iterator[tuple[ElementId, bytes]]:
    """Yield all consecutive elements; one of unknown size takes the rest of the data."""
    at = 0
    while at < len(data):
        length = 9 - data[at].bit_length()
        identifier = int.from_bytes(data[at : at + length], "big")
        at += length
        length = 9 - data[at].bit_length()
        coded = int.from_bytes(data[at : at + length], "big")
        size = coded & ~(1 << 7 * length)
        at += length
        if size == (1 << 7 * length) - 1:
            size = len(data) - at
        yield identifier, data[at : at + size]
        at += size
