"""Owns how loud sound is: measured, and told in a header extension (RFC 6464)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from peer.rtp.malformed import MalformedError

if TYPE_CHECKING:
    from av import AudioFrame

#: The level of digital silence.
SILENCE = 127
#: What is at least this loud counts as a voice: breath and fans are below, speech is above.
VOICE = 50

_VOICE_BIT = 0x80
#: The largest sample of the types that are not floating point.
_FULL_SCALE = {"uint8": 127.5, "int16": 0x7FFF, "int32": 0x7FFF_FFFF}


@dataclass(frozen=True, slots=True)
class AudioLevel:
    """How loud a packet of sound is.

    Args:
        level: Below the loudest that there can be, in dB: 0 (loudest) to 127 (silence).
        voice: Whether the sender believes that somebody speaks.
    """

    level: int
    voice: bool = False

    @classmethod
    def parse(cls, value: bytes) -> Self:
        """Read an element of the header extension.

        Raises:
            MalformedError: It is empty.
        """
        if not value:
            raise MalformedError("an audio level has no octet")
        return cls(value[0] & 0x7F, value[0] >= _VOICE_BIT)

    def write(self) -> bytes:
        """The element, one octet."""
        return bytes((self.level | _VOICE_BIT if self.voice else self.level,))


def measure(frame: AudioFrame) -> AudioLevel:
    """How loud a frame is, over all its channels, as RFC 6465 appendix A computes it."""
    samples = frame.to_ndarray().ravel()
    if not samples.size:
        return AudioLevel(SILENCE)
    values = samples.astype(np.float64)
    # 8-bit sound alone has no sign: its silence is in the middle.
    if samples.dtype == np.uint8:
        values -= 127.5
    full = _FULL_SCALE.get(samples.dtype.name, 1.0)
    # Floating point sound may hold anything; what is no number is no sound.
    with np.errstate(over="ignore", invalid="ignore"):
        mean_square = float(np.dot(values, values)) / samples.size / full**2
    if not math.isfinite(mean_square) or mean_square <= 0:
        return AudioLevel(SILENCE)
    level = max(0, min(round(-10 * math.log10(mean_square)), SILENCE))
    return AudioLevel(level, level <= VOICE)
