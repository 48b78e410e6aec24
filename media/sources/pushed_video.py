"""Track of video that a program pushes as arrays."""

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

    from peer.times import MonotonicTime, Seconds

#: RTP clock rate of video, in Hz (RFC 3551 section 5).
_CLOCK = 90_000
#: Largest width or height in pixels (ours).
_LARGEST = 8192
# The rest of each format's shape behind (height, width).
_SAMPLES = MappingProxyType(
    {"rgb24": (3,), "bgr24": (3,), "rgba": (4,), "bgra": (4,), "gray": (), "yuv420p": ()}
)


class PushedVideo(MediaTrack):
    """Gives the newest pushed picture, no faster than `rate`.

    Args:
        rate: Frames a second at most.
        repeat: Seconds without a new picture after which the last one is given again, for peers
            that joined late; None for never.

    Attributes:
        pushed: Number of pushed pictures.
        dropped: Number of them that were replaced before they could be given.

    Raises:
        ValueError: The rate is not above 0.
    """

    kind = "video"

    def __init__(self, *, rate: float = 30.0, repeat: Seconds | None = 1.0) -> None:
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
        """Show a picture from now on; call it from the event loop's thread.

        Args:
            picture: Shape (height, width, 3) for `rgb24` and `bgr24`, (height, width, 4) for
                `rgba` and `bgra`, (height, width) for `gray`, (height * 3 / 2, width) for
                `yuv420p`. Height and width are even. It is copied.
            pixels: Format of the pixels, one of these.

        Raises:
            TypeError: The array is not of 8-bit integers.
            ValueError: The shape does not fit the format, or the format is unknown.
        """
        _check(picture, pixels)
        if self.readyState != "live":
            return
        self.pushed += 1
        self.dropped += self._next is not None
        self._next = np.array(picture, order="C"), pixels
        self._changed.set()

    async def recv(self) -> VideoFrame:
        """Return the next frame when it is due; its time base is 1/90000.

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
        """End the track and drop its pictures."""
        if self.readyState == "live":
            super().stop()
            self._next = self._last = None
            self._changed.set()

    def _timed(self, picture: tuple[NDArray[np.uint8], str], now: MonotonicTime) -> VideoFrame:
        if self._begun is None:
            self._begun = self._due = now
        self._given = now
        # Even steps while pictures come in time; a late one starts the steps anew.
        on_time = now - self._due < self._interval
        self._due = (self._due if on_time else now) + self._interval
        self._pts = max(self._pts + 1, round((now - self._begun) * _CLOCK))
        frame = VideoFrame.from_ndarray(picture[0], format=picture[1])
        frame.pts, frame.time_base = self._pts, Fraction(1, _CLOCK)
        return frame

    async def _change(self, until: MonotonicTime | None) -> None:
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
