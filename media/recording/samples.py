"""Conversion of access units from start codes to the form that containers have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.recording.containers import Container
from peer.rtp.formats.h265_bitstream import PARAMETER_SETS, nal_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from media.recording.parameters import StreamSpec

_START_CODE = b"\x00\x00\x01"
#: Bytes of a NAL unit's length (ISO/IEC 14496-15 section 5.3.2).
_LENGTH_SIZE = 4


def sample_converter(container: Container, spec: StreamSpec) -> Callable[[bytes], bytes]:
    """Return what makes a sample of each payload of a stream; most codecs need nothing done."""
    match container, spec.codec.name.lower():
        case Container.MP4 | Container.HLS | Container.MATROSKA, "h264":
            return with_lengths
        case Container.MATROSKA, "h265":
            return with_lengths
        case Container.MP4 | Container.HLS, "h265":
            return Hvc1Samples(spec.first).convert
        case _:
            return bytes


class Hvc1Samples:
    """Converts H.265 for `hvc1`, which has parameter sets in the header (ISO/IEC 14496-15 8.4.1).

    Sets that the header has are left out of the samples. After the first one that differs all stay:
    decoders take them from there, and the next file has a header of its own.

    Args:
        first: The access unit that the header is made of.
    """

    def __init__(self, first: bytes) -> None:
        self._described = {unit for unit in _units(first) if nal_type(unit[0]) in PARAMETER_SETS}
        self._changed = False

    def convert(self, frame: bytes) -> bytes:
        """Convert an access unit from start codes to lengths."""
        units = _units(frame)
        if not self._changed:
            sets = {unit for unit in units if nal_type(unit[0]) in PARAMETER_SETS}
            self._changed = not sets <= self._described
        if not self._changed:
            units = [unit for unit in units if nal_type(unit[0]) not in PARAMETER_SETS]
        return _prefixed(units)


def with_lengths(frame: bytes) -> bytes:
    """Convert an H.264 or H.265 access unit from start codes to lengths, as containers have it.

    Source: ISO/IEC 14496-15 section 5.3.2. Parameter sets stay, since they may change.
    """
    return _prefixed(_units(frame))


def _units(frame: bytes) -> list[bytes]:
    # No NAL unit ends in a zero (ITU-T H.264 section 7.4.1): it belongs to the next start code.
    return [stripped for unit in frame.split(_START_CODE) if (stripped := unit.rstrip(b"\x00"))]


def _prefixed(units: list[bytes]) -> bytes:
    return b"".join(
        part for unit in units for part in (len(unit).to_bytes(_LENGTH_SIZE, "big"), unit)
    )
