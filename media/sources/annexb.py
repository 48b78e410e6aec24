"""Conversion of H.264 from container form to the Annex B form, with parameter sets, for RTP."""

from __future__ import annotations

from peer.rtp.formats.h264_bitstream import START_CODE, TYPE, NalType, nal_units

_PASSED_OVER = frozenset({NalType.DELIMITER, NalType.FILLER})
_SETS = frozenset({NalType.SPS, NalType.PPS})


class AnnexB:
    """Converts the access units of one H.264 stream to Annex B form.

    Args:
        extradata: The stream's AVCDecoderConfigurationRecord (ISO 14496-15 section 5.3.3.1), or
            its parameter sets in Annex B form, or nothing.

    Raises:
        ValueError: The record is truncated.
    """

    def __init__(self, extradata: bytes) -> None:
        self._length_size: int | None = None
        self._sets: list[bytes] = []
        if extradata[:1] == b"\x01":
            self._read_record(extradata)
        elif extradata:
            self._sets = [unit for unit in nal_units(extradata) if unit[0] & TYPE in _SETS]

    def convert(self, data: bytes) -> bytes:
        """Return an access unit with start codes of four bytes, and SPS and PPS before an IDR.

        Raises:
            ValueError: A NAL unit is truncated.
        """
        units = nal_units(data) if self._length_size is None else self._divide(data)
        units = [unit for unit in units if unit[0] & TYPE not in _PASSED_OVER]
        kinds = {unit[0] & TYPE for unit in units}
        if kinds >= _SETS:
            self._sets = [unit for unit in units if unit[0] & TYPE in _SETS]
        elif NalType.IDR in kinds:
            units = [*self._sets, *(unit for unit in units if unit[0] & TYPE not in _SETS)]
        return b"".join(START_CODE + unit for unit in units)

    def _read_record(self, record: bytes) -> None:
        if len(record) < 7:
            raise ValueError("a configuration record that ends too early")
        self._length_size = (record[4] & 3) + 1
        at = 5
        for mask in (0x1F, 0xFF):
            if at >= len(record):
                raise ValueError("a configuration record that ends too early")
            count = record[at] & mask
            at += 1
            for _ in range(count):
                end = at + 2 + int.from_bytes(record[at : at + 2], "big")
                if end > len(record) or end == at + 2:
                    raise ValueError("a configuration record that ends too early")
                self._sets.append(record[at + 2 : end])
                at = end

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
