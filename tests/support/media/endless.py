"""Owns tracks without end that keep time, as a camera and a microphone do."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from peer.rtp.tracks import MediaStreamTrack
from tests.support.media.frames import SAMPLE_RATE, flat_picture, sound

if TYPE_CHECKING:
    from av import AudioFrame, VideoFrame

#: Ticks of 90 kHz between two pictures, 50 a second.
STEP = 1800
_SAMPLES = 960


class Pace:
    """Lets frames through at their time, after the first one.

    Args:
        interval: Seconds between two.
    """

    def __init__(self, interval: float = 0.02) -> None:
        self._interval = interval
        self._due: float | None = None

    async def wait(self) -> None:
        now = asyncio.get_running_loop().time()
        self._due = (now if self._due is None else self._due) + self._interval
        await asyncio.sleep(self._due - now)


class Camera(MediaStreamTrack):
    """50 small pictures a second of one brightness, which may be changed.

    Args:
        luma: The brightness, 0 to 255.
        first: The time of the first picture, in steps.

    Attributes:
        times: When each picture was given, in seconds of the loop's clock.
    """

    kind = "video"

    def __init__(self, luma: int, *, first: int = 0) -> None:
        super().__init__()
        self.luma = luma
        self.size = 64, 48
        self.given = 0
        self.times: list[float] = []
        self._first = first
        self._pace = Pace()

    async def recv(self) -> VideoFrame:
        await self._pace.wait()
        pts = STEP * (self._first + self.given)
        self.given += 1
        self.times.append(asyncio.get_running_loop().time())
        return flat_picture(*self.size, luma=self.luma, pts=pts)


class Microphone(MediaStreamTrack):
    """Frames of 20 ms of one tone.

    Args:
        pitch: In hertz.
    """

    kind = "audio"

    def __init__(self, pitch: float) -> None:
        super().__init__()
        self.given = 0
        self._pitch = pitch
        self._pace = Pace()

    async def recv(self) -> AudioFrame:
        await self._pace.wait()
        begin = _SAMPLES * self.given
        at = np.arange(begin, begin + _SAMPLES) / SAMPLE_RATE
        wave = 0.5 * 32767 * np.sin(2 * np.pi * self._pitch * at)
        frame = sound(wave.astype(np.int16), channels=2)
        frame.pts, frame.time_base = begin, Fraction(1, SAMPLE_RATE)
        self.given += 1
        return frame
