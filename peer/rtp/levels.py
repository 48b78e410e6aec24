"""Measures audio levels, and reads and writes their header extension (RFC 6464)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

from peer.rtp.malformed import MalformedError
from peer.values import dataclass

if TYPE_CHECKING:
    from av import AudioFrame

#: Level of digital silence, in -dBov (RFC 6464 section 3).
SILENCE = 127
#: Level in -dBov up to which audio counts as voice (ours): speech is louder, breath and fans are
#: not.
VOICE = 50

#: The bit V of the header extension (RFC 6464 section 3).
_VOICE_BIT = 0x80
#: Full scale of the sample types that are not floating point.
_FULL_SCALE = {"uint8": 127.5, "int16": 0x7FFF, "int32": 0x7FFF_FFFF}


@dataclass(frozen=True, slots=True)
class AudioLevel:
    """The audio level of a packet.

    Args:
        level: In -dBov: 0 (full scale) to 127 (silence).
        voice: True where the sender detects voice.
    """

    level: int
    voice: bool = False

    @classmethod
    def parse(cls, value: bytes) -> Self:
        """Read a header extension element.

        Raises:
            MalformedError: It is empty.
        """
        if not value:
            raise MalformedError("an audio level has no octet")
        return cls(value[0] & 0x7F, value[0] >= _VOICE_BIT)

    def write(self) -> bytes:
        """The header extension element, one byte."""
        return bytes((self.level | _VOICE_BIT if self.voice else self.level,))


class MeasuredLevel:
    """The audio level of a frame, measured when it is first asked for: many never are.

    Args:
        frame: Frame whose samples do not change.
    """

    __slots__ = ("_frame", "_measured")

    def __init__(self, frame: AudioFrame) -> None:
        self._frame: AudioFrame | None = frame
        self._measured: AudioLevel | None = None

    @property
    def level(self) -> int:
        """In -dBov, as of `AudioLevel`."""
        return self._level.level

    @property
    def voice(self) -> bool:
        """True where the frame counts as voice."""
        return self._level.voice

    def write(self) -> bytes:
        """The header extension element, one byte."""
        return self._level.write()

    @property
    def _level(self) -> AudioLevel:
        if self._measured is None:
            assert self._frame is not None
            self._measured, self._frame = measure(self._frame), None
        return self._measured


def measure(frame: AudioFrame) -> AudioLevel:
    """Measure the audio level of a frame over all its channels (RFC 6465 appendix A)."""
    # Loaded with the first of them: it takes half as long as all of aiortc.
    import numpy as np

    samples = frame.to_ndarray().ravel()
    if not samples.size:
        return AudioLevel(SILENCE)
    values = samples.astype(np.float64)
    # 8-bit samples alone have no sign: their silence is in the middle.
    if samples.dtype == np.uint8:
        values -= 127.5
    full = _FULL_SCALE.get(samples.dtype.name, 1.0)
    # Floating point samples may be infinite or no number: that counts as silence.
    with np.errstate(over="ignore", invalid="ignore"):
        mean_square = float(np.dot(values, values)) / samples.size / full**2
    if not math.isfinite(mean_square) or mean_square <= 0:
        return AudioLevel(SILENCE)
    level = max(0, min(round(-10 * math.log10(mean_square)), SILENCE))
    return AudioLevel(level, level <= VOICE)
