"""Tracks whose frames say when they were made, and the comparison of a file with that."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

import av
import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from media.planes import planes
from tests.support.media.flashes import beeps
from tests.support.media.frames import flat_picture

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

#: Width and height of a picture in pixels, and the number of blocks a side: 16 bits in all.
_WIDTH, _HEIGHT, _SIDE = 160, 120, 4
#: Seconds of a tone, and of the silence after it.
_HALF = 0.5
#: Seconds between a beep and the pictures that it is compared with, at most.
_NEAR = 0.5
#: Seconds by which the line of a file may be off where it is asked which beep is which.
_SAME = 0.3


class _StampedTrack(MediaStreamTrack):
    """Waits for the time of a frame, and notes when the frame was made.

    A busy machine makes frames late, never two of one time: each is stamped with the moment at
    which the program came to make it, as the sender of the track stamps it.

    Args:
        interval: Seconds between two frames at least.
        after: Seconds of nothing before the first.

    Attributes:
        moments: The event loop's time at which each frame was made, in seconds.
    """

    def __init__(self, interval: float, after: float) -> None:
        super().__init__()
        self.moments: list[float] = []
        self._interval = interval
        self._after = after

    async def _due(self) -> None:
        """Wait until the next frame is due."""
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time()
        after = self.moments[-1] + self._interval - now if self.moments else self._after
        await asyncio.sleep(max(0.0, after))

    def _stamp(self) -> float:
        """Note that a frame is made now, just before its sender stamps it.

        Returns:
            Seconds since the first frame.
        """
        self.moments.append(asyncio.get_running_loop().time())
        return self.moments[-1] - self.moments[0]


class NumberedVideo(_StampedTrack):
    """30 pictures a second at most, with the number of each in 16 bright or dark blocks.

    Args:
        after: Seconds of nothing before the first.
    """

    kind = "video"

    def __init__(self, *, after: float = 0.0) -> None:
        super().__init__(1 / 30, after)

    async def recv(self) -> VideoFrame:
        """Give the next picture."""
        await self._due()
        frame = flat_picture(_WIDTH, _HEIGHT)
        number = len(self.moments)
        for bit, block in enumerate(_blocks(planes(frame).y)):
            block[:] = 220 if number >> bit & 1 else 40
        frame.pts = round(self._stamp() * 90_000)
        return frame


class Beeps(_StampedTrack):
    """A tone of half a second each second, by the event loop's clock.

    Sound of the time between two frames is left out, as a sound card does that is read too late.

    Args:
        after: Seconds of nothing before the first frame.

    Attributes:
        onsets: The event loop's time of the first sample of each tone, in seconds.
    """

    kind = "audio"

    def __init__(self, *, after: float = 0.0) -> None:
        super().__init__(0.02, after)
        self.onsets: list[float] = []
        self._loud = True

    async def recv(self) -> AudioFrame:
        """Give the next 20 ms, of which the first sample is that of the present moment."""
        await self._due()
        at = asyncio.get_running_loop().time() + np.arange(960) / 48_000
        loud = (at / _HALF).astype(int) % 2 == 0
        wave = np.where(loud, 12_000 * np.sin(2 * np.pi * 440 * at), 0).astype(np.int16)
        frame = AudioFrame.from_ndarray(wave[None, :], format="s16", layout="mono")
        frame.sample_rate = 48_000
        frame.time_base = Fraction(1, 48_000)
        begins = loud & ~np.concatenate([[self._loud], loud[:-1]])
        self._loud = bool(loud[-1])
        frame.pts = round(self._stamp() * 48_000)
        # The tone begins where its sample is in the frame, however long it took to make it.
        self.onsets += [self.moments[-1] + float(n) / 48_000 for n in np.flatnonzero(begins)]
        return frame


def numbers(path: Path) -> list[tuple[float, int]]:
    """Return the time of each picture of a file, in seconds of the file, and its number."""
    with av.open(str(path)) as file:
        return [(f.time or 0.0, _number(planes(f).y)) for f in file.decode(video=0)]


def lags(path: Path, video: NumberedVideo, audio: Beeps) -> list[float]:
    """Return by how much pictures come after the sound that was made at the same moment.

    Args:
        path: The file.
        video: Its pictures are compared with those of the file.
        audio: Its tones are compared with those of the file.

    Returns:
        One number for each tone, in seconds: a median of the pictures around it. A tone that the
        file begins with is left out, as it does not say when it began.
    """
    shown = numbers(path)
    assert all(before < after for (_, before), (_, after) in pairwise(shown))
    origins = [(at, at - video.moments[number]) for at, number in shown]
    found = []
    for heard in beeps(path):
        near = [origin for at, origin in origins if abs(at - heard) < _NEAR]
        if not near:
            continue
        origin = median(near)
        index = bisect_right(audio.onsets, heard - origin + _HALF) - 1
        lag = origin - (heard - audio.onsets[index])
        assert abs(lag) < _SAME, "a tone is in the file that was never made"
        found.append(lag)
    return found


def _blocks(luma: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    width, height = _WIDTH // _SIDE, _HEIGHT // _SIDE
    return [
        luma[row * height : (row + 1) * height, column * width : (column + 1) * width]
        for row in range(_SIDE)
        for column in range(_SIDE)
    ]


def _number(luma: NDArray[np.uint8]) -> int:
    return sum(1 << bit for bit, block in enumerate(_blocks(luma)) if block.mean() > 130)
