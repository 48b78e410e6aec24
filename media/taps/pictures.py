"""Video of a track as RGB arrays, always the newest frame when a program is ready."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from media.orientation import upright
from media.taps.read_ahead import ReadAhead
from peer.values import dataclass

if TYPE_CHECKING:
    from aiortc.mediastreams import MediaStreamTrack
    from numpy.typing import NDArray

    from peer.times import Seconds

#: Part of the frame interval by which a frame may be early and still count as due (ours).
_EARLY = 0.25
#: Largest width or height in pixels (ours).
_LARGEST = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One video frame as an RGB array.

    Args:
        pixels: RGB, shape (height, width, 3); the program may change it.
        time: Presentation time on the track's timeline, in seconds.
    """

    pixels: NDArray[np.uint8]
    time: Seconds


class PictureReader:
    """Iterates asynchronously over the video of a track; made by `pictures`.

    Attributes:
        dropped: Number of frames that were replaced by newer ones while the program was busy.
    """

    def __init__(
        self, track: MediaStreamTrack, size: tuple[int, int] | None, rate: float | None
    ) -> None:
        if size is not None and not 0 < min(size) <= max(size) <= _LARGEST:
            raise ValueError(f"pictures of {size[0]} x {size[1]}")
        if rate is not None and not rate > 0:
            raise ValueError(f"{rate} pictures a second")
        self.dropped = 0
        self._track = track
        self._size = size
        self._interval = 0.0 if rate is None else 1 / rate
        self._due: float | None = None
        self._newest: VideoFrame | None = None
        self._reading = ReadAhead(self._read)

    def __aiter__(self) -> PictureReader:
        return self

    async def __anext__(self) -> Picture:
        """Return the newest picture that was not given yet; waits for one.

        Raises:
            TypeError: The track gives no video, or encoded video.
        """
        if not await self._reading.wait(lambda: self._newest is not None):
            raise StopAsyncIteration
        assert self._newest is not None
        frame, self._newest = self._newest, None
        pixels = await asyncio.to_thread(self._converted, frame)
        return Picture(pixels, _time_of(frame))

    async def aclose(self) -> None:
        """Stop reading the track, and end the iteration."""
        self._newest = None
        await self._reading.aclose()

    async def __aenter__(self) -> PictureReader:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _read(self) -> None:
        while True:
            try:
                frame = await self._track.recv()
            except MediaStreamError:
                return
            if not isinstance(frame, VideoFrame):
                raise TypeError(f"the track gives {type(frame).__name__}, not decoded pictures")
            if not self._is_due(_time_of(frame)):
                continue
            self.dropped += self._newest is not None
            self._newest = frame
            self._reading.tell()

    def _is_due(self, time: Seconds) -> bool:
        """Tell if a picture of this time, in seconds, is due by the rate."""
        if self._due is not None and 0 < self._due - time <= self._interval:
            if self._due - time > self._interval * _EARLY:
                return False
            self._due += self._interval
            return True
        # The first frame, one after a pause, or a time that fell back (of another stream).
        late = self._due is not None and 0 <= time - self._due < self._interval
        self._due = (self._due if late and self._due is not None else time) + self._interval
        return True

    def _converted(self, frame: VideoFrame) -> NDArray[np.uint8]:
        frame = upright(frame)
        width, height = self._size or (frame.width, frame.height)
        array = frame.to_ndarray(format="rgb24", width=width, height=height)
        return array.astype(np.uint8, copy=False)


def pictures(
    track: MediaStreamTrack, *, size: tuple[int, int] | None = None, rate: float | None = None
) -> PictureReader:
    """Iterate over the video of a track, until it ends.

    The track is read all the time once the iteration has begun. A program that was busy gets the
    newest picture next; those before it are dropped.

    Args:
        track: The video track; it is read, and never stopped.
        size: Width and height to scale to, in pixels; None for the size of each frame.
        rate: Pictures a second at most; None for all of them.

    Returns:
        An asynchronous iterator. Close it (`aclose`, or `async with`) to end before the track does.

    Raises:
        ValueError: The size or the rate is not positive, or the size is above 8192.
    """
    return PictureReader(track, size, rate)


def _time_of(frame: VideoFrame) -> Seconds:
    if frame.pts is None or not frame.time_base:
        return asyncio.get_running_loop().time()
    return float(frame.pts * frame.time_base)
