"""Duration of audio packets, and Opus packets that stand in for missing or silent audio. PURE."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer import Codec

#: Milliseconds of a frame by configuration number (RFC 6716 section 3.1, table 2).
_OPUS = (
    *(10, 20, 40, 60) * 3,
    *(10, 20) * 2,
    *(Fraction(5, 2), 5, 10, 20) * 4,
)
#: Seconds of a packet that does not tell its duration: the default of RFC 3551 section 4.5.
_DEFAULT = Fraction(1, 50)
#: Seconds of an Opus packet at most (RFC 6716 section 3.2.5).
_LONGEST = Fraction(120, 1000)
#: Configuration of 20 ms of full-band CELT, in which no decoder adds comfort noise (table 2).
_LONG_CELT = 31
#: Stereo bit of the TOC byte (RFC 6716 section 3.1).
_STEREO = 4
#: Code of a packet with a frame count byte (RFC 6716 section 3.2.5).
_ANY_NUMBER = 3


def packet_duration(codec: Codec, payload: bytes) -> Fraction:
    """Return the seconds of audio in a packet; 20 ms where the packet does not tell."""
    match codec.name.lower():
        case "opus":
            return _opus_duration(payload)
        case "pcmu" | "pcma" | "g722" if payload:
            # RFC 3551 section 4.5.2: G722 has two samples in a byte, at 16 kHz.
            return Fraction(len(payload), 8000)
        case _:
            return _DEFAULT


def opus_frame_seconds(packet: bytes) -> Fraction:
    """Return the duration of each frame in an Opus packet, in seconds."""
    return Fraction(_OPUS[packet[0] >> 3], 1000)


def silent_opus(packet: bytes) -> bytes:
    """Make an empty Opus frame with the channels of a packet: a decoder starts with silence."""
    # RFC 6716 section 3.1: code 0 is one frame.
    return bytes((_LONG_CELT << 3 | packet[0] & _STEREO,))


def opus_substitutes(packet: bytes, missing: Fraction) -> Iterator[tuple[bytes, Fraction]]:
    """Yield Opus packets of empty frames, which decoders conceal, and their durations in seconds.

    Args:
        packet: The packet before the gap.
        missing: Length of the gap in seconds; a rest shorter than a frame is left out.
    """
    frame = opus_frame_seconds(packet)
    left = max(0, missing // frame)
    most = int(_LONGEST // frame)
    while left:
        count = min(left, most)
        left -= count
        # RFC 7845 section 4.1: the same mode, bandwidth, channels and frame size.
        yield bytes((packet[0] & ~3 | _ANY_NUMBER, count)), count * frame


def _opus_duration(payload: bytes) -> Fraction:
    if not payload:
        return _DEFAULT
    # RFC 6716 section 3.1: the lower two bits are the code of the frame count.
    match payload[0] & 3:
        case 0:
            count = 1
        case 1 | 2:
            count = 2
        case _:
            count = payload[1] & 0x3F if len(payload) > 1 else 1
    return min(max(1, count) * opus_frame_seconds(payload), _LONGEST)
