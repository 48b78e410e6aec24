"""Tells the slices of one H.264 picture from those of the next (ITU-T H.264 7.4.1.2.4). PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.formats.bits import BitReader
from peer.rtp.formats.h264_bitstream import TYPE, NalType, sequence_parameters
from peer.rtp.malformed import MalformedError
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.formats.h264_bitstream import SequenceParameters

#: Bytes of a slice that are read: its header up to redundant_pic_cnt is shorter (ours).
SLICE_OCTETS = 40
#: Bytes of a picture parameter set that are read: two ids and two flags (ours).
_PPS_OCTETS = 16
_IMPORTANCE = 0x60


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceHeader:
    """The fields of a slice header by which pictures are told apart (section 7.4.1.2.4).

    Args:
        picture: pic_parameter_set_id.
        frame_num: As it stands.
        is_reference: True where nal_ref_idc is not 0.
        idr_id: idr_pic_id; None for a picture that is no IDR picture.
        field: field_pic_flag.
        bottom: bottom_field_flag.
        order_count: pic_order_cnt_lsb and delta_pic_order_cnt_bottom, or delta_pic_order_cnt.
    """

    picture: int
    frame_num: int
    is_reference: bool
    idr_id: int | None
    field: bool
    bottom: bool
    order_count: tuple[int, int]

    def same_picture(self, other: SliceHeader) -> bool:
        """Tell whether another slice is of the same picture, or of the other field of its frame.

        Both fields of a frame are one frame to decoders and containers.
        """
        if self.field and other.field and self.bottom != other.bottom:
            # Section 7.4.3: the second field is of the same frame_num, and no IDR picture.
            return self.frame_num == other.frame_num and other.idr_id is None
        return self == other


def slice_header(
    unit: bytes, parameter_set: Callable[[tuple[int, int]], bytes | None]
) -> SliceHeader:
    """Read the header of a slice (section 7.3.3).

    Args:
        unit: The NAL unit, or as much of its beginning as there is.
        parameter_set: Returns a parameter set by its type and id; None where it is not known.

    Raises:
        MalformedError: It ends too early, or its parameter sets are unknown or malformed.
    """
    # Section 7.3.1: octets that keep start codes out.
    bits = BitReader(unit[1:SLICE_OCTETS].replace(b"\x00\x00\x03", b"\x00\x00"))
    bits.unsigned()  # first_mb_in_slice
    bits.unsigned()  # slice_type
    picture = bits.unsigned()
    sequence, has_bottom_order = _parameters(picture, parameter_set)
    if sequence.separate_planes:
        bits.read(2)
    frame_num = bits.read(sequence.frame_num_bits)
    field = not sequence.frames_only and bits.flag()
    bottom = field and bits.flag()
    idr_id = bits.unsigned() if unit[0] & TYPE == NalType.IDR else None
    first = second = 0
    has_second = has_bottom_order and not field
    if sequence.order_count_type == 0:
        first = bits.read(sequence.order_count_bits)
        second = bits.signed() if has_second else 0
    elif sequence.order_count_type == 1 and not sequence.always_zero:
        first = bits.signed()
        second = bits.signed() if has_second else 0
    return SliceHeader(
        picture=picture,
        frame_num=frame_num,
        is_reference=unit[0] & _IMPORTANCE != 0,
        idr_id=idr_id,
        field=field,
        bottom=bottom,
        order_count=(first, second),
    )


def _parameters(
    picture: int, parameter_set: Callable[[tuple[int, int]], bytes | None]
) -> tuple[SequenceParameters, bool]:
    """The sequence of a picture, and bottom_field_pic_order_in_frame_present_flag of its set."""
    pps = parameter_set((NalType.PPS, picture))
    if pps is None:
        raise MalformedError("a slice of an unknown picture parameter set")
    bits = BitReader(pps[1:_PPS_OCTETS].replace(b"\x00\x00\x03", b"\x00\x00"))
    bits.unsigned()  # pic_parameter_set_id
    sps = parameter_set((NalType.SPS, bits.unsigned()))
    if sps is None:
        raise MalformedError("a slice of an unknown sequence parameter set")
    bits.read(1)  # entropy_coding_mode_flag
    return sequence_parameters(sps), bits.flag()
