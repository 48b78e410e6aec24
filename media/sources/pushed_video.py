"""Owns `PushedVideo`: the track of pictures that a program makes."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from peer.rtp.tracks import MediaTrack

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CLOCK = 90_000
_LARGEST = 8192
# What comes behind (height, width) in the shape of each.
_SAMPLES = MappingProxyType(
    {"rgb24": (3,), "bgr24": (3,), "rgba": (4,), "bgra": (4,), "gray": (), "yuv420p": ()}
)


class PushedVideo(MediaTrack):
    """Gives the newest picture that was pushed, no faster than `rate`.

    Args:
        rate: Pictures a second at most.
        repeat: Seconds. Where nothing new was pushed for so long the last picture is given again,
            for whoever came late. None for never.

    Attributes:
        pushed: Pictures.
        dropped: Those of them that were replaced before they could be given.

    Raises:
        ValueError: The rate is not above 0.
    """

    kind = "video"

    def __init__(self, *, rate: float = 30.0, repeat: float | None = 1.0) -> None:
        super().__init__()
        if not rate > 0:
            raise ValueError(f"{rate} pictures a second")
        self.pushed = 0
        self.dropped = 0
        self._interval = 1 / rate
        self._repeat = repeat
        self._next: tuple[NDArray[np.uint8], str] | None = None
        self._last: tuple[NDArray[np.uint8], str] | None = None
        self._changed = asyncio.Event()
        self._begun: float | None = None
        self._due = 0.0
        self._given = 0.0
        self._pts = -1

    def push(self, picture: NDArray[np.uint8], *, pixels: str = "rgb24") -> None:
        """Show this from now on, instead of what waits; from the event loop's thread.

        Args:
            picture: Shape (height, width, 3) for `rgb24` and `bgr24`, (height, width, 4) for
                `rgba` and `bgra`, (height, width) for `gray`, (height * 3 / 2, width) for
                `yuv420p`. Height and width are even. It is copied.
            pixels: Their format, one of these.

        Raises:
            TypeError: It is not of 8-bit integers.
            ValueError: The shape is not that of the format, or there is no such format.
        """
        _check(picture, pixels)
        if self.readyState != "live":
            return
        self.pushed += 1
        self.dropped += self._next is not None
        self._next = np.array(picture, order="C"), pixels
        self._changed.set()

    async def recv(self) -> VideoFrame:
        """The next picture, when its time has come; its time base is 1/90000.

        Raises:
            MediaStreamError: The track has ended.
        """
        now = asyncio.get_running_loop().time
        while self.readyState == "live":
            picture, at = self._next, self._due
            if picture is None and self._last is not None and self._repeat is not None:
                picture, at = self._last, max(at, self._given + self._repeat)
            if picture is not None and now() >= at:
                self._next, self._last = None, picture
                return self._timed(picture, now())
            await self._change(at if picture is not None else None)
        raise MediaStreamError

    def stop(self) -> None:
        """End the track."""
        if self.readyState == "live":
            super().stop()
            self._next = self._last = None
            self._changed.set()

    def _timed(self, picture: tuple[NDArray[np.uint8], str], now: float) -> VideoFrame:
        if self._begun is None:
            self._begun = self._due = now
        self._given = now
        # Even steps where pictures come in time, from now on where they did not.
        on_time = now - self._due < self._interval
        self._due = (self._due if on_time else now) + self._interval
        self._pts = max(self._pts + 1, round((now - self._begun) * _CLOCK))
        frame = VideoFrame.from_ndarray(picture[0], format=picture[1])
        frame.pts, frame.time_base = self._pts, Fraction(1, _CLOCK)
        return frame

    async def _change(self, until: float | None) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout_at(until):
                await self._changed.wait()
        except TimeoutError:
            pass


def _check(picture: NDArray[np.uint8], pixels: str) -> None:
    dtype = getattr(picture, "dtype", type(picture).__name__)
    if dtype != np.uint8:
        raise TypeError(f"a picture is an array of uint8, not {dtype}")
    if pixels not in _SAMPLES:
        raise ValueError(f"{pixels!r} is none of {', '.join(_SAMPLES)}")
    fits = picture.ndim >= 2 and picture.shape[2:] == _SAMPLES[pixels]
    height, width = picture.shape[:2] if fits else (0, 0)
    if pixels == "yuv420p":
        fits, height = fits and height % 3 == 0, height * 2 // 3
    if not fits or height % 2 or width % 2 or not 0 < min(height, width) <= _LARGEST:
        raise ValueError(f"{picture.shape} is no shape of {pixels} with even sides")
    if max(height, width) > _LARGEST:
        raise ValueError(f"{width} x {height} is more than {_LARGEST} in a row")
