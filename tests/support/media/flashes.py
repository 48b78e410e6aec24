"""Owns tracks that flash and beep together, and finding both again in a file."""

from __future__ import annotations

import asyncio
import time
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from media.planes import planes
from tests.support.media.frames import flat_picture

if TYPE_CHECKING:
    from pathlib import Path

#: Half a second of light and sound, half a second of neither.
_HALF = 0.5
#: Seconds: half of what is between two flashes.
_APART = 0.5


def _is_on(now: float) -> bool:
    return int(now / _HALF) % 2 == 0


class Flash(MediaStreamTrack):
    """30 pictures a second, bright or dark by the clock of the machine.

    Args:
        after: Seconds of nothing before the first.
    """

    kind = "video"

    def __init__(self, *, after: float = 0.0) -> None:
        super().__init__()
        self._after = after
        self._began: float | None = None
        self._number = 0

    async def recv(self) -> VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        if self._began is None:
            await asyncio.sleep(self._after)
            self._began = time.monotonic()
        self._number += 1
        due = self._began + self._number / 30
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        return flat_picture(160, 120, luma=220 if _is_on(due) else 40, pts=self._number * 3000)


class Beep(MediaStreamTrack):
    """A tone or silence by the same clock, to the sample."""

    kind = "audio"

    def __init__(self, *, after: float = 0.0) -> None:
        super().__init__()
        self._after = after
        self._began: float | None = None
        self._number = 0

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        if self._began is None:
            await asyncio.sleep(self._after)
            self._began = time.monotonic()
        self._number += 1
        # Sound is there when the last of its samples is.
        first = self._began + (self._number - 1) * 0.02
        await asyncio.sleep(max(0.0, first + 0.02 - time.monotonic()))
        at = first + np.arange(960) / 48_000
        on = (at / _HALF).astype(int) % 2 == 0
        wave = np.where(on, 12_000 * np.sin(2 * np.pi * 440 * at), 0).astype(np.int16)
        frame = AudioFrame.from_ndarray(wave[None, :], format="s16", layout="mono")
        frame.sample_rate = 48_000
        frame.pts = (self._number - 1) * 960
        frame.time_base = Fraction(1, 48_000)
        return frame


def flashes(path: Path) -> list[float]:
    """When it gets bright, in seconds of the file."""
    with av.open(str(path)) as file:
        seen = [(f.time or 0.0, float(planes(f).y.mean())) for f in file.decode(video=0)]
    return [at for (_, before), (at, luma) in pairwise(seen) if before < 130 <= luma]


def beeps(path: Path) -> list[float]:
    """When the tone begins, in seconds of the file."""
    found: list[float] = []
    quiet = 0
    with av.open(str(path)) as file:
        for frame in file.decode(audio=0):
            loud = np.abs(frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0])
            scale = 1.0 if loud.dtype.kind == "f" else 32768.0
            for index in range(0, len(loud), 48):
                if loud[index : index + 48].max() / scale < 0.05:
                    quiet += 1
                    continue
                if quiet > 100:
                    found.append((frame.time or 0.0) + index / frame.sample_rate)
                quiet = 0
    return found


def offsets(path: Path) -> list[float]:
    """By how much each flash comes after its beep, in seconds, where both are in the file.

    A file that begins with the tone has the flash, but not when the tone began.
    """
    heard = np.array(beeps(path))
    found = (float(at - heard[np.abs(heard - at).argmin()]) for at in flashes(path))
    return [each for each in found if abs(each) < _APART]
