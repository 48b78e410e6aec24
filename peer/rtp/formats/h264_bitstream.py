"""Reads H.264 NAL units and parameter sets. PURE."""

from __future__ import annotations

from enum import IntEnum

from peer.rtp.formats.bits import BitReader
from peer.rtp.malformed import MalformedError

START_CODE = b"\x00\x00\x00\x01"
_SHORT_START_CODE = b"\x00\x00\x01"

#: Bits of the type in the first byte of a NAL unit (ITU-T H.264 section 7.3.1).
TYPE = 0x1F


class NalType(IntEnum):
    """The types of NAL units that are treated in their own way (ITU-T H.264 table 7-1)."""

    SLICE = 1
    PARTITION_A = 2
    IDR = 5
    SPS = 7
    PPS = 8
    DELIMITER = 9
    FILLER = 12
    LAST = 23


# ITU-T H.264 section 7.3.2.1.1: profiles whose parameter sets say how colours are sampled.
_PROFILES_WITH_CHROMA = {44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244}
_CHROMA_444 = 3
# Chroma samples for each luma sample are 1 to these, across and down (table 6-1).
_SUBSAMPLING = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}
_MACROBLOCK = 16
#: Bytes of a sequence parameter set that are read: with the longest scaling lists, the size is
#: among them (ours).
_SPS_OCTETS = 2048
#: Largest num_ref_frames_in_pic_order_cnt_cycle (ITU-T H.264 section 7.4.2.1.1).
_MOST_IN_CYCLE = 255
#: First value of lastScale of a scaling list (ITU-T H.264 section 7.3.2.1.1.1).
_SCALE = 8


def nal_units(frame: bytes) -> list[bytes]:
    """The NAL units of an access unit in Annex B form, without start codes and trailing zeros.

    Raises:
        MalformedError: Something lies before the first start code, or there is none.
    """
    before, *units = frame.split(_SHORT_START_CODE)
    if before.strip(b"\x00") or not units:
        raise MalformedError("an access unit without a start code")
    # No NAL unit ends in a zero (ITU-T H.264 section 7.4.1): it is trailing_zero_8bits, or the
    # first octet of a start code of four.
    return [stripped for unit in units if (stripped := unit.rstrip(b"\x00"))]


def picture_size(sps: bytes) -> tuple[int, int]:
    """Width and height that a sequence parameter set says, in pixels, cropped.

    Raises:
        MalformedError: It ends too early, or says what cannot be.
    """
    # Section 7.3.1: octets that keep start codes out. The first octet is the NAL unit's own.
    bits = BitReader(sps[1:_SPS_OCTETS].replace(b"\x00\x00\x03", b"\x00\x00"))
    profile = bits.read(8)
    bits.read(8 + 8)
    bits.unsigned()  # seq_parameter_set_id
    chroma = _chroma_format(bits) if profile in _PROFILES_WITH_CHROMA else 1
    bits.unsigned()  # log2_max_frame_num_minus4
    _skip_order_count(bits)
    bits.unsigned()  # max_num_ref_frames
    bits.read(1)
    width = (bits.unsigned() + 1) * _MACROBLOCK
    rows = bits.unsigned() + 1
    frames_only = bits.flag()
    # Rows of a field count twice in a frame.
    fields = 1 if frames_only else 2
    height = rows * _MACROBLOCK * fields
    if not frames_only:
        bits.read(1)
    bits.read(1)
    if bits.flag():
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        across, down = _SUBSAMPLING[chroma]
        width -= across * (left + right)
        height -= down * fields * (top + bottom)
    if width <= 0 or height <= 0:
        raise MalformedError("a sequence parameter set crops everything")
    return width, height


def _chroma_format(bits: BitReader) -> int:
    chroma = bits.unsigned()
    if chroma not in _SUBSAMPLING:
        raise MalformedError("a sequence parameter set of an unknown chroma format")
    separate = chroma == _CHROMA_444 and bits.flag()
    bits.unsigned()
    bits.unsigned()
    bits.read(1)
    if bits.flag():
        for number in range(12 if chroma == _CHROMA_444 else 8):
            if bits.flag():
                _skip_scaling_list(bits, 16 if number < 6 else 64)
    # Separate colour planes count as frames without colour.
    return 0 if separate else chroma


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    """Skip a scaling list (section 7.3.2.1.1.1)."""
    scale = _SCALE
    for _ in range(size):
        scale = (scale + bits.signed()) % 256
        if scale == 0:
            return


def _skip_order_count(bits: BitReader) -> None:
    match bits.unsigned():
        case 0:
            bits.unsigned()
        case 1:
            bits.read(1)
            bits.signed()
            bits.signed()
            count = bits.unsigned()
            if count > _MOST_IN_CYCLE:
                raise MalformedError("a sequence parameter set with too long a cycle")
            for _ in range(count):
                bits.signed()
        case 2:
            pass
        case _:
            raise MalformedError("a sequence parameter set of an unknown order count")


# Offset of the id, an Exp-Golomb code (ITU-T H.264 sections 7.3.2.1.1 and 7.3.2.2).
_ID_OFFSETS = {NalType.SPS: 4, NalType.PPS: 1}


def parameter_set_key(unit: bytes) -> tuple[int, int] | None:
    """The type and id of a parameter set; None for other NAL units and broken ones."""
    kind = unit[0] & TYPE
    if kind != NalType.SPS and kind != NalType.PPS:
        return None
    at = _ID_OFFSETS[NalType(kind)]
    try:
        return kind, BitReader(unit[at : at + 8]).unsigned()
    except MalformedError:
        return None
