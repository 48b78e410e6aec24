"""Reads AV1 OBUs, sequence headers and frame headers. PURE."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from peer.rtp.formats.bits import BitReader
from peer.rtp.formats.payload_format import FrameShape
from peer.rtp.malformed import MalformedError

#: Bits of the OBU header (AV1 specification section 5.3.2).
HAS_EXTENSION = 0x04
HAS_SIZE = 0x02
#: Bits of temporal_id and spatial_id in the OBU extension header (section 5.3.3).
LAYER = 0xF8
#: Largest number of bytes of a leb128() (section 4.10.5).
_LEB128_OCTETS = 8

#: Bytes of a sequence header that are read: the size of the frame is among them (section 5.5).
_SEQUENCE_OCTETS = 512
#: Least seq_level_idx with a seq_tier (section 5.5.1).
_FIRST_LEVEL_WITH_TIER = 8
#: The frame_type KEY_FRAME (section 6.8.2).
_KEY_FRAME = 0

_NO_KEYFRAME = FrameShape(keyframe=False)


class ObuType(IntEnum):
    """The types of OBUs that are treated in their own way (section 6.2.2)."""

    SEQUENCE_HEADER = 1
    TEMPORAL_DELIMITER = 2
    FRAME_HEADER = 3
    FRAME = 6
    TILE_LIST = 8
    PADDING = 15


class Obu(NamedTuple):
    """One OBU of a temporal unit.

    Args:
        header: Its first byte.
        extension: The extension header; empty without one.
        payload: The bytes after the headers and the size.
    """

    header: int
    extension: bytes
    payload: bytes

    @property
    def kind(self) -> int:
        """The `obu_type` of the header."""
        return obu_type(self.header)

    def without_size(self) -> bytes:
        """The OBU as it goes in RTP, without its size."""
        return b"".join((bytes((self.header & ~HAS_SIZE,)), self.extension, self.payload))

    def with_size(self) -> bytes:
        """The OBU in low-overhead form, with its size."""
        return b"".join(
            (
                bytes((self.header | HAS_SIZE,)),
                self.extension,
                write_leb128(len(self.payload)),
                self.payload,
            )
        )


def obu_type(header: int) -> int:
    """The obu_type in the first byte of an OBU."""
    return header >> 3 & 0xF


def write_leb128(value: int) -> bytes:
    """Encode a number as leb128() in the fewest bytes (section 4.10.5)."""
    if value < 0x80:
        return bytes((value,))
    octets = bytearray()
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def read_leb128(data: bytes, at: int) -> tuple[int, int]:
    """Decode a leb128() to the number and the offset of its end.

    Raises:
        MalformedError: It does not end.
    """
    value = 0
    for place, octet in enumerate(data[at : at + _LEB128_OCTETS]):
        value |= (octet & 0x7F) << 7 * place
        if octet < 0x80:
            return value, at + place + 1
    raise MalformedError("a number without its end", at)


def read_obu(data: bytes, at: int = 0) -> tuple[Obu, int]:
    """Read an OBU and the offset of its end; without a size it takes all that is left.

    Raises:
        MalformedError: It goes on beyond the end.
    """
    header = data[at] if at < len(data) else 0x80
    # Section 5.3.2: obu_forbidden_bit.
    if header & 0x80:
        raise MalformedError("no OBU where one should be", at)
    at += 1
    extension = b""
    if header & HAS_EXTENSION:
        extension = data[at : at + 1]
        at += 1
    end = len(data)
    if header & HAS_SIZE:
        size, at = read_leb128(data, at)
        end = at + size
    if end > len(data) or at > end:
        raise MalformedError("an OBU goes on beyond the end", at)
    return Obu(header, extension, data[at:end]), end


def read_obus(frame: bytes) -> list[Obu]:
    """The OBUs of a temporal unit in low-overhead form.

    Raises:
        MalformedError: It does not consist of OBUs.
    """
    obus = []
    at = 0
    while at < len(frame):
        obu, at = read_obu(frame, at)
        obus.append(obu)
    return obus


def describe(frame: bytes) -> FrameShape:
    """Describe a temporal unit: a key frame where a shown key frame follows a sequence header."""
    sequence: bytes | None = None
    at = 0
    try:
        while at < len(frame):
            obu, at = read_obu(frame, at)
            match obu.kind:
                case ObuType.SEQUENCE_HEADER:
                    sequence = obu.payload
                case ObuType.FRAME | ObuType.FRAME_HEADER:
                    return (
                        _NO_KEYFRAME
                        if sequence is None
                        else _shape(sequence, frame_header=obu.payload)
                    )
                case _:
                    pass
    except MalformedError:
        pass
    return _NO_KEYFRAME


def _shape(sequence: bytes, *, frame_header: bytes) -> FrameShape:
    bits = BitReader(sequence[:_SEQUENCE_OCTETS])
    bits.read(3 + 1)
    # Section 5.5.1: a reduced still picture is one key frame, whose header says less.
    reduced = bits.flag()
    if reduced:
        bits.read(5)
    else:
        _skip_operating_points(bits)
        # Section 5.9.2: show_existing_frame, frame_type, show_frame.
        frame = BitReader(frame_header[:1])
        if frame.flag() or frame.read(2) != _KEY_FRAME or not frame.flag():
            return _NO_KEYFRAME
    across, down = bits.read(4) + 1, bits.read(4) + 1
    return FrameShape(keyframe=True, width=bits.read(across) + 1, height=bits.read(down) + 1)


def _skip_operating_points(bits: BitReader) -> None:
    """Skip from timing_info_present_flag to the last operating point (section 5.5.1)."""
    delay_bits = 0
    if bits.flag():
        # Section 5.5.3: timing_info.
        bits.read(32 + 32)
        if bits.flag():
            bits.unsigned()
        if bits.flag():
            # Section 5.5.4: decoder_model_info.
            delay_bits = bits.read(5) + 1
            bits.read(32 + 5 + 5)
    display_delays = bits.flag()
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) >= _FIRST_LEVEL_WITH_TIER:
            bits.read(1)
        if delay_bits and bits.flag():
            bits.read(2 * delay_bits + 1)
        if display_delays and bits.flag():
            bits.read(4)
