"""Owns packets of Opus that stand for sound that is missing."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

# RFC 6716 section 3.1, table 2: seconds of a frame, by the lowest bits of the configuration.
_SPEECH = (Fraction(10, 1000), Fraction(20, 1000), Fraction(40, 1000), Fraction(60, 1000))
_MUSIC = (Fraction(5, 2000), Fraction(5, 1000), Fraction(10, 1000), Fraction(20, 1000))
_FIRST_HYBRID, _FIRST_MUSIC, _LONG_MUSIC = 12, 16, 31
_STEREO = 4
# Section 3.2.5: any number of frames, in no more than this.
_ANY_NUMBER = 3
_MOST = Fraction(120, 1000)


def frame_seconds(packet: bytes) -> Fraction:
    """How long each frame in a packet is."""
    configuration = packet[0] >> 3
    if configuration >= _FIRST_MUSIC:
        return _MUSIC[configuration & 3]
    if configuration >= _FIRST_HYBRID:
        return _SPEECH[configuration & 1]
    return _SPEECH[configuration & 3]


def nothing(packet: bytes) -> bytes:
    """An empty frame with the channels of a packet: a decoder that begins with it gives silence."""
    # RFC 6716 section 3.1: 20 ms of music, of which no decoder makes noise; code 0 is one frame.
    return bytes((_LONG_MUSIC << 3 | packet[0] & _STEREO,))


def substitutes(packet: bytes, missing: Fraction) -> Iterator[tuple[bytes, Fraction]]:
    """Packets of empty frames, and how long each lasts: decoders conceal what they stand for.

    Args:
        packet: The one before.
        missing: In seconds; what is less than a frame is left out.
    """
    frame = frame_seconds(packet)
    left = max(0, missing // frame)
    most = int(_MOST // frame)
    while left:
        count = min(left, most)
        left -= count
        # RFC 7845 section 4.1: of the same mode, bandwidth, channels and frames.
        yield bytes((packet[0] & ~3 | _ANY_NUMBER, count)), count * frame
