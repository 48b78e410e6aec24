"""Test tracks that need no device: a moving test picture and a sine tone."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from media.pace import Pace
from media.planes import FORMAT, planes
from peer.rtp.tracks import MediaTrack

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: RTP clock rate of video, in Hz (RFC 3551 section 5).
_VIDEO_CLOCK = 90_000
#: Sample rate in Hz (ours; that of Opus).
_AUDIO_RATE = 48_000
_AUDIO_FRAME = 960  # Samples a frame: 20 ms.
_WHITE = (235, 128, 128)

#: The seven 75 % colour bars of SMPTE EG 1 as (Y, U, V), from the left.
BARS = (
    (180, 128, 128),
    (168, 44, 136),
    (145, 147, 44),
    (133, 63, 52),
    (63, 193, 204),
    (51, 109, 212),
    (28, 212, 120),
)


class SyntheticVideoTrack(MediaTrack):
    """Gives colour bars with a white square that crosses them.

    Args:
        width: Width in pixels, even.
        height: Height in pixels, even.
        rate: Frames a second.
    """

    kind = "video"

    def __init__(self, *, width: int = 640, height: int = 480, rate: int = 30) -> None:
        super().__init__()
        self._rate = rate
        self._pace = Pace(1 / rate)
        self._side = height // 8 & ~1
        self._travel = width - self._side
        self._bars = (
            _bars(width=width, height=height),
            _bars(width=width // 2, height=height // 2),
        )
        self._size = (width, height)

    async def recv(self) -> VideoFrame:
        """Return the next frame, `yuv420p`, when it is due.

        Raises:
            MediaStreamError: The track has ended.
        """
        if self.readyState != "live":
            raise MediaStreamError
        number = await self._pace.next()
        frame = VideoFrame(*self._size, FORMAT)
        pixels = planes(frame)
        pixels.y[:] = self._bars[0][0]
        pixels.u[:] = self._bars[1][1]
        pixels.v[:] = self._bars[1][2]
        self._square(pixels, number)
        frame.pts = number * _VIDEO_CLOCK // self._rate
        frame.time_base = Fraction(1, _VIDEO_CLOCK)
        return frame

    def _square(self, pixels: tuple[NDArray[np.uint8], ...], number: int) -> None:
        left = 4 * number % (2 * self._travel)
        left = min(left, 2 * self._travel - left) & ~1
        top = (self._size[1] - self._side) // 2 & ~1
        for plane, shrink, value in zip(pixels, (1, 2, 2), _WHITE, strict=True):
            plane[
                top // shrink : (top + self._side) // shrink,
                left // shrink : (left + self._side) // shrink,
            ] = value


class SyntheticAudioTrack(MediaTrack):
    """Gives a sine tone, 48 kHz mono, 20 ms a frame.

    Args:
        pitch: Frequency in Hz.
        amplitude: Amplitude from 0 to 1.
    """

    kind = "audio"

    def __init__(self, *, pitch: float = 440.0, amplitude: float = 0.2) -> None:
        super().__init__()
        self._pitch = pitch
        self._amplitude = amplitude
        self._pace = Pace(_AUDIO_FRAME / _AUDIO_RATE)

    async def recv(self) -> AudioFrame:
        """Return the next frame, `s16`, when it is due.

        Raises:
            MediaStreamError: The track has ended.
        """
        if self.readyState != "live":
            raise MediaStreamError
        first = await self._pace.next() * _AUDIO_FRAME
        at = np.arange(first, first + _AUDIO_FRAME) / _AUDIO_RATE
        wave = self._amplitude * 32767 * np.sin(2 * np.pi * self._pitch * at)
        frame = AudioFrame.from_ndarray(wave.astype(np.int16)[None, :], format="s16", layout="mono")
        frame.sample_rate = _AUDIO_RATE
        frame.pts = first
        frame.time_base = Fraction(1, _AUDIO_RATE)
        return frame


def _bars(*, width: int, height: int) -> NDArray[np.uint8]:
    """Draw the bars as three planes of shape (3, height, width)."""
    columns = np.arange(width) * len(BARS) // width
    rows = np.array(BARS, dtype=np.uint8).T[:, columns]
    return np.repeat(rows[:, None, :], height, axis=1)
