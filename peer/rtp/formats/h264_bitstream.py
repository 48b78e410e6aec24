"""Reads H.264 NAL units and parameter sets. PURE."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache

from peer.rtp.formats.bits import BitReader
from peer.rtp.malformed import MalformedError
from peer.values import dataclass

START_CODE = b"\x00\x00\x00\x01"
_SHORT_START_CODE = b"\x00\x00\x01"

#: Bits of the type in the first byte of a NAL unit (ITU-T H.264 section 7.3.1).
TYPE = 0x1F


class NalType(IntEnum):
    """The types of NAL units that are treated in their own way (ITU-T H.264 table 7-1)."""

    SLICE = 1
    PARTITION_A = 2
    IDR = 5
    SEI = 6
    SPS = 7
    PPS = 8
    DELIMITER = 9
    FILLER = 12
    PREFIX = 14
    SUBSET_SPS = 15
    LAST_RESERVED_HEAD = 18
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
#: Most bits of frame_num and pic_order_cnt_lsb (ITU-T H.264 section 7.4.2.1.1).
_MOST_NUMBER_BITS = 16
#: Most buffers of the hypothetical decoder, cpb_cnt_minus1 + 1 (ITU-T H.264 section E.2.2).
_MOST_CPB = 32
#: aspect_ratio_idc that a width and a height follow (ITU-T H.264 table E-1).
_EXTENDED_SAR = 255
#: profile_idc of Baseline (ITU-T H.264 section A.2.1).
_BASELINE = 66
#: pic_order_cnt_type of pictures that are shown in the order of decoding.
_IN_ORDER = 2
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceParameters:
    """The form of pictures and slice headers that a sequence parameter set says.

    Args:
        width: In pixels, cropped.
        height: In pixels, cropped.
        separate_planes: True where each slice names its colour plane.
        frame_num_bits: Bits of frame_num.
        order_count_type: pic_order_cnt_type: 0, 1 or 2.
        order_count_bits: Bits of pic_order_cnt_lsb, of type 0.
        always_zero: delta_pic_order_always_zero_flag, of type 1.
        frames_only: True where no picture is a field.
    """

    width: int
    height: int
    separate_planes: bool
    frame_num_bits: int
    order_count_type: int
    order_count_bits: int
    always_zero: bool
    frames_only: bool


def picture_size(sps: bytes) -> tuple[int, int]:
    """Width and height that a sequence parameter set says, in pixels, cropped.

    Raises:
        MalformedError: It ends too early, or says what cannot be.
    """
    known = sequence_parameters(sps)
    return known.width, known.height


@lru_cache(maxsize=16)
def sequence_parameters(sps: bytes) -> SequenceParameters:
    """Read a sequence parameter set (ITU-T H.264 section 7.3.2.1.1).

    Raises:
        MalformedError: It ends too early, or says what cannot be.
    """
    return _sequence_parameters(_reader(sps))


def reorder_depth(sps: bytes) -> int | None:
    """The most pictures that come before one that is shown earlier; None where it is not said.

    Source: max_num_reorder_frames (ITU-T H.264 section E.2.1), and what excludes B-frames.

    Raises:
        MalformedError: It ends too early, or says what cannot be.
    """
    bits = _reader(sps)
    known = _sequence_parameters(bits)
    # Section 8.2.1.3: of this type decoding order is output order. Section A.2.1: Baseline has no
    # B-frames.
    if known.order_count_type == _IN_ORDER or sps[1] == _BASELINE:
        return 0
    return _restricted_reordering(bits) if bits.flag() else None


def _reader(sps: bytes) -> BitReader:
    # Section 7.3.1: octets that keep start codes out. The first octet is the NAL unit's own.
    return BitReader(sps[1:_SPS_OCTETS].replace(b"\x00\x00\x03", b"\x00\x00"))


def _sequence_parameters(bits: BitReader) -> SequenceParameters:
    profile = bits.read(8)
    bits.read(8 + 8)
    bits.unsigned()  # seq_parameter_set_id
    chroma, separate = _chroma_format(bits) if profile in _PROFILES_WITH_CHROMA else (1, False)
    frame_num_bits = bits.unsigned() + 4
    order_count_type, order_count_bits, always_zero = _order_count(bits)
    if max(frame_num_bits, order_count_bits) > _MOST_NUMBER_BITS:
        raise MalformedError("a sequence parameter set of too large numbers")
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
        # Separate colour planes count as frames without colour.
        across, down = _SUBSAMPLING[0 if separate else chroma]
        width -= across * (left + right)
        height -= down * fields * (top + bottom)
    if width <= 0 or height <= 0:
        raise MalformedError("a sequence parameter set crops everything")
    return SequenceParameters(
        width=width,
        height=height,
        separate_planes=separate,
        frame_num_bits=frame_num_bits,
        order_count_type=order_count_type,
        order_count_bits=order_count_bits,
        always_zero=always_zero,
        frames_only=frames_only,
    )


def _restricted_reordering(bits: BitReader) -> int | None:
    """Read vui_parameters() up to max_num_reorder_frames (section E.1.1)."""
    if bits.flag() and bits.read(8) == _EXTENDED_SAR:
        bits.read(16 + 16)
    if bits.flag():
        bits.read(1)  # overscan_appropriate_flag
    if bits.flag():
        bits.read(3 + 1)
        if bits.flag():
            bits.read(8 + 8 + 8)
    if bits.flag():
        bits.unsigned()
        bits.unsigned()
    if bits.flag():
        bits.read(32 + 32 + 1)
    if _skips_hypothetical_decoder(bits) | _skips_hypothetical_decoder(bits):
        bits.read(1)  # low_delay_hrd_flag
    bits.read(1)  # pic_struct_present_flag
    if not bits.flag():
        return None
    bits.read(1)
    for _ in range(4):
        bits.unsigned()
    return bits.unsigned()


def _skips_hypothetical_decoder(bits: BitReader) -> bool:
    """Skip hrd_parameters() where they are present (section E.1.2)."""
    if not bits.flag():
        return False
    count = bits.unsigned() + 1
    if count > _MOST_CPB:
        raise MalformedError("a sequence parameter set of too many buffers")
    bits.read(4 + 4)
    for _ in range(count):
        bits.unsigned()
        bits.unsigned()
        bits.read(1)
    bits.read(4 * 5)
    return True


def _chroma_format(bits: BitReader) -> tuple[int, bool]:
    """Read chroma_format_idc, and whether colour planes are separate; skip the scaling lists."""
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
    return chroma, separate


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    """Skip a scaling list (section 7.3.2.1.1.1)."""
    scale = _SCALE
    for _ in range(size):
        scale = (scale + bits.signed()) % 256
        if scale == 0:
            return


def _order_count(bits: BitReader) -> tuple[int, int, bool]:
    """Read pic_order_cnt_type, the bits of its number, and delta_pic_order_always_zero_flag."""
    match bits.unsigned():
        case 0:
            return 0, bits.unsigned() + 4, False
        case 1:
            always_zero = bits.flag()
            bits.signed()
            bits.signed()
            count = bits.unsigned()
            if count > _MOST_IN_CYCLE:
                raise MalformedError("a sequence parameter set with too long a cycle")
            for _ in range(count):
                bits.signed()
            return 1, 0, always_zero
        case 2:
            return 2, 0, False
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
