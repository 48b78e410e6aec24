"""Owns how long a packet of sound lasts."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer import Codec

#: RFC 6716 table 2: milliseconds of a frame, by the configuration number.
_OPUS = (
    *(10, 20, 40, 60) * 3,
    *(10, 20) * 2,
    *(Fraction(5, 2), 5, 10, 20) * 4,
)
_USUAL = Fraction(1, 50)
#: RFC 6716 section 3.2.5: a packet has no more than 120 ms.
_LONGEST = Fraction(120, 1000)


def packet_duration(codec: Codec, payload: bytes) -> Fraction:
    """Seconds of sound in a packet; 20 ms where it does not say."""
    match codec.name.lower():
        case "opus":
            return _opus_duration(payload)
        case "pcmu" | "pcma" | "g722" if payload:
            # RFC 3551 section 4.5.2: G722 has two samples in an octet, at 16 kHz.
            return Fraction(len(payload), 8000)
        case _:
            return _USUAL


def _opus_duration(payload: bytes) -> Fraction:
    if not payload:
        return _USUAL
    # RFC 6716 section 3.1: configuration in the upper five bits, the count's code in the lower two.
    frame = Fraction(_OPUS[payload[0] >> 3], 1000)
    match payload[0] & 3:
        case 0:
            count = 1
        case 1 | 2:
            count = 2
        case _:
            count = payload[1] & 0x3F if len(payload) > 1 else 1
    return min(max(1, count) * frame, _LONGEST)
