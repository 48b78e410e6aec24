"""Conversion of H.264 and H.265 from container form to the Annex B form, for RTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.formats.h264_bitstream import START_CODE, TYPE, NalType, nal_units
from peer.rtp.formats.h265_bitstream import PARAMETER_SETS, RANDOM_ACCESS, H265NalType, nal_type
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


@dataclass(frozen=True, slots=True)
class _Syntax:
    """Types of NAL units of a codec, and the place of things in its configuration record.

    Args:
        kind: Returns the type in the first byte of a NAL unit.
        sets: Types of parameter sets.
        keys: Types of slices that decoding can begin with.
        passed_over: Types that are not sent.
        length_at: Offset of the byte with the size of lengths.
    """

    kind: Callable[[int], int]
    sets: frozenset[int]
    keys: Collection[int]
    passed_over: frozenset[int]
    length_at: int


_H264 = _Syntax(
    kind=lambda first: first & TYPE,
    sets=frozenset({NalType.SPS, NalType.PPS}),
    keys=frozenset({NalType.IDR}),
    passed_over=frozenset({NalType.DELIMITER, NalType.FILLER}),
    length_at=4,
)
_H265 = _Syntax(
    kind=nal_type,
    sets=frozenset(PARAMETER_SETS),
    keys=RANDOM_ACCESS,
    passed_over=frozenset({H265NalType.DELIMITER, H265NalType.FILLER}),
    length_at=21,
)


class AnnexB:
    """Converts the access units of one stream to Annex B form.

    Args:
        extradata: The stream's AVCDecoderConfigurationRecord or HEVCDecoderConfigurationRecord (ISO
            14496-15 sections 5.3.3.1 and 8.3.3.1), or its parameter sets in Annex B form, or
            nothing.
        h265: True for H.265, else it is H.264.

    Raises:
        ValueError: The record is truncated.
    """

    def __init__(self, extradata: bytes, *, h265: bool = False) -> None:
        self._syntax = _H265 if h265 else _H264
        self._length_size: int | None = None
        self._sets: list[bytes] = []
        if extradata[:1] == b"\x01":
            at = self._syntax.length_at
            if len(extradata) <= at + 1:
                raise ValueError("a configuration record that ends too early")
            self._length_size = (extradata[at] & 3) + 1
            self._sets = _sets_of_h265(extradata) if h265 else _sets_of_h264(extradata)
        elif extradata:
            self._sets = [each for each in nal_units(extradata) if self._is_set(each)]

    def convert(self, data: bytes) -> bytes:
        """Return an access unit with start codes of four bytes, and its sets before a key picture.

        Raises:
            ValueError: A NAL unit is truncated.
        """
        units = nal_units(data) if self._length_size is None else self._divide(data)
        syntax = self._syntax
        units = [unit for unit in units if syntax.kind(unit[0]) not in syntax.passed_over]
        kinds = {syntax.kind(unit[0]) for unit in units}
        if kinds >= syntax.sets:
            self._sets = [unit for unit in units if self._is_set(unit)]
        elif any(kind in syntax.keys for kind in kinds):
            units = [*self._sets, *(unit for unit in units if not self._is_set(unit))]
        return b"".join(START_CODE + unit for unit in units)

    def _is_set(self, unit: bytes) -> bool:
        return self._syntax.kind(unit[0]) in self._syntax.sets

    def _divide(self, data: bytes) -> list[bytes]:
        size = self._length_size or 0
        units, at = [], 0
        while at < len(data):
            begin = at + size
            at = begin + int.from_bytes(data[at:begin], "big")
            if begin > len(data) or at > len(data):
                raise ValueError("a NAL unit that ends too early")
            if at > begin:
                units.append(data[begin:at])
        return units


def _sets_of_h264(record: bytes) -> list[bytes]:
    sets: list[bytes] = []
    at = 5
    for mask in (0x1F, 0xFF):
        if at >= len(record):
            raise ValueError("a configuration record that ends too early")
        at = _read_sets(record, at + 1, count=record[at] & mask, into=sets)
    return sets


def _sets_of_h265(record: bytes) -> list[bytes]:
    sets: list[bytes] = []
    at = 23
    for _ in range(record[22]):
        # The type is in each of them as well.
        count = int.from_bytes(record[at + 1 : at + 3], "big")
        at = _read_sets(record, at + 3, count=count, into=sets)
    return [unit for unit in sets if nal_type(unit[0]) in PARAMETER_SETS]


def _read_sets(record: bytes, at: int, *, count: int, into: list[bytes]) -> int:
    """Read NAL units, each behind its length in two bytes; return the offset behind the last."""
    if at > len(record):
        raise ValueError("a configuration record that ends too early")
    for _ in range(count):
        end = at + 2 + int.from_bytes(record[at : at + 2], "big")
        if end > len(record) or end == at + 2:
            raise ValueError("a configuration record that ends too early")
        into.append(record[at + 2 : end])
        at = end
    return at
