"""Owns the small frames and the track of given frames that media tests feed in."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from media.planes import planes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av.frame import Frame
    from numpy.typing import NDArray

SAMPLE_RATE = 48_000


class GivenTrack(MediaStreamTrack):
    """Gives the frames it was made with, then ends."""

    def __init__(self, kind: str, frames: Iterable[Frame]) -> None:
        super().__init__()
        self.kind = kind
        self._frames = deque(frames)

    async def recv(self) -> Frame:
        if not self._frames:
            self.stop()
            raise MediaStreamError
        return self._frames.popleft()


def flat_picture(width: int, height: int, *, luma: int = 180, pts: int = 0) -> VideoFrame:
    """One colour everywhere, with chroma that is not grey."""
    frame = VideoFrame(width, height, "yuv420p")
    for plane, value in zip(planes(frame), (luma, 90, 200), strict=True):
        plane[:] = value
    frame.pts = pts
    frame.time_base = Fraction(1, 90_000)
    return frame


def tone(pitch: float, seconds: float, *, amplitude: float = 0.5, channels: int = 2) -> AudioFrame:
    """A sine of `s16` samples, the same in every channel."""
    at = np.arange(int(SAMPLE_RATE * seconds)) / SAMPLE_RATE
    wave = (amplitude * 32767 * np.sin(2 * np.pi * pitch * at)).astype(np.int16)
    return sound(wave, channels=channels)


def sound(samples: NDArray[np.int16], *, channels: int = 1) -> AudioFrame:
    """A frame of these samples, the same in every channel."""
    frame = AudioFrame.from_ndarray(
        np.repeat(samples, channels)[None, :],
        format="s16",
        layout="stereo" if channels == 2 else "mono",
    )
    frame.sample_rate = SAMPLE_RATE
    return frame


def has_label(picture: object) -> bool:
    """Whether an overlay was drawn on a SyntheticVideoTrack's picture of 320 by 240.

    The colour bars behind the left half of the label are neither dark nor white.
    """
    assert isinstance(picture, VideoFrame)
    label = planes(picture).y[-22:-4, 4:130]
    return bool((label < 90).mean() > 0.3 and (label > 210).mean() > 0.1)
