"""Reads H.265 NAL units and parameter sets (ITU-T H.265). PURE."""

from __future__ import annotations

from enum import IntEnum

from peer.rtp.formats.bits import BitReader
from peer.rtp.malformed import MalformedError

#: Bytes of the header of a NAL unit (section 7.3.1.2).
HEADER = 2


class H265NalType(IntEnum):
    """The types of NAL units that are treated in their own way (ITU-T H.265 table 7-1)."""

    BLA_W_LP = 16
    CRA = 21
    #: The last type of slices; those in between are reserved.
    LAST_SLICE = 31
    VPS = 32
    SPS = 33
    PPS = 34
    DELIMITER = 35
    FILLER = 38
    PREFIX_SEI = 39
    FIRST_RESERVED_HEAD = 41
    LAST_RESERVED_HEAD = 44
    LAST = 47


#: The sets that a decoder needs before a picture.
PARAMETER_SETS = frozenset((H265NalType.VPS, H265NalType.SPS, H265NalType.PPS))
#: Pictures that a decoder can begin with: BLA, IDR and CRA.
RANDOM_ACCESS = range(H265NalType.BLA_W_LP, H265NalType.CRA + 1)
#: Bytes of a sequence parameter set that are read: with all sub-layers the size is among the first
#: hundred or so (ours).
_SPS_OCTETS = 256
# Bits of general_profile_space to general_level_idc (section 7.3.3).
_PROFILE_BITS = 88
_LEVEL_BITS = 8
_MOST_SUB_LAYERS = 7
_CHROMA_444 = 3
# Chroma samples for each luma sample are 1 to these, across and down (table 6-1).
_SUBSAMPLING = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}


def nal_type(first: int) -> int:
    """The type in the first byte of a NAL unit or payload."""
    return first >> 1 & 0x3F


def picture_size(sps: bytes) -> tuple[int, int]:
    """Width and height that a sequence parameter set says, in pixels, cropped (section 7.3.2.2.1).

    Raises:
        MalformedError: It ends too early, or says what cannot be.
    """
    return _picture_size(_behind_profile(sps)[0])


def reorder_depth(sps: bytes) -> int:
    """The most pictures that come before one that is shown earlier (sps_max_num_reorder_pics).

    Raises:
        MalformedError: The sequence parameter set ends too early, or says what cannot be.
    """
    bits, layers = _behind_profile(sps)
    _picture_size(bits)
    bits.unsigned()  # bit_depth_luma_minus8
    bits.unsigned()  # bit_depth_chroma_minus8
    bits.unsigned()  # log2_max_pic_order_cnt_lsb_minus4
    depth = 0
    # Either for each sub-layer, or for the highest one.
    for _ in range(layers + 1 if bits.flag() else 1):
        bits.unsigned()  # sps_max_dec_pic_buffering_minus1
        depth = bits.unsigned()
        bits.unsigned()  # sps_max_latency_increase_plus1
    return depth


def _picture_size(bits: BitReader) -> tuple[int, int]:
    bits.unsigned()  # sps_seq_parameter_set_id
    chroma = bits.unsigned()
    if chroma not in _SUBSAMPLING:
        raise MalformedError("a sequence parameter set of an unknown chroma format")
    if chroma == _CHROMA_444:
        bits.read(1)
    width, height = bits.unsigned(), bits.unsigned()
    if bits.flag():
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        across, down = _SUBSAMPLING[chroma]
        width -= across * (left + right)
        height -= down * (top + bottom)
    if width <= 0 or height <= 0:
        raise MalformedError("a sequence parameter set crops everything")
    return width, height


def parameter_set_key(unit: bytes) -> tuple[int, int] | None:
    """The type and id of a parameter set; None for other NAL units and broken ones."""
    kind = nal_type(unit[0])
    try:
        match kind:
            case H265NalType.VPS:
                return kind, BitReader(unit[HEADER : HEADER + 1]).read(4)
            case H265NalType.SPS:
                return kind, _behind_profile(unit)[0].unsigned()
            case H265NalType.PPS:
                return kind, BitReader(unit[HEADER : HEADER + 8]).unsigned()
            case _:
                return None
    except MalformedError:
        return None


def _behind_profile(sps: bytes) -> tuple[BitReader, int]:
    """A reader behind profile_tier_level() of a set, and sps_max_sub_layers_minus1 (7.3.3)."""
    # Section 7.3.1.1: octets that keep start codes out.
    bits = BitReader(sps[HEADER:_SPS_OCTETS].replace(b"\x00\x00\x03", b"\x00\x00"))
    bits.read(4)  # sps_video_parameter_set_id
    layers = bits.read(3)
    if layers >= _MOST_SUB_LAYERS:
        raise MalformedError("a sequence parameter set of too many sub-layers")
    bits.read(1 + _PROFILE_BITS + _LEVEL_BITS)
    present = [(bits.flag(), bits.flag()) for _ in range(layers)]
    if layers:
        bits.read(2 * (8 - layers))
    for profile, level in present:
        bits.read(_PROFILE_BITS * profile + _LEVEL_BITS * level)
    return bits, layers
