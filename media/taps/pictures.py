"""Owns `pictures`: what a track shows as arrays, the newest one whenever a program is ready."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

if TYPE_CHECKING:
    from aiortc.mediastreams import MediaStreamTrack
    from numpy.typing import NDArray

# Of a frame's time: frames that come a little early are not those to leave out.
_EARLY = 0.25
_LARGEST = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture.

    Args:
        pixels: RGB, shape (height, width, 3), a program's own.
        time: Of the track, in seconds.
    """

    pixels: NDArray[np.uint8]
    time: float


class PictureReader:
    """The pictures of a track; see `pictures`.

    Attributes:
        dropped: Pictures that came while the program was busy with another.
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
        self._news = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._closed = False

    def __aiter__(self) -> PictureReader:
        return self

    async def __anext__(self) -> Picture:
        """The newest picture that was not given yet, when there is one.

        Raises:
            TypeError: The track gives no pictures, or such that are not decoded.
        """
        if self._reading is None and not self._closed:
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(lambda _: self._news.set())
        while self._newest is None:
            if self._closed or self._reading is None:
                raise StopAsyncIteration
            if self._reading.done():
                if not self._reading.cancelled():
                    self._reading.result()
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        frame, self._newest = self._newest, None
        pixels = await asyncio.to_thread(self._converted, frame)
        return Picture(pixels, _time_of(frame))

    async def aclose(self) -> None:
        """Read the track no more."""
        self._closed, self._newest = True, None
        self._news.set()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

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
            self._news.set()

    def _is_due(self, time: float) -> bool:
        """Whether the rate asks for a picture of this time."""
        if self._due is not None and 0 < self._due - time <= self._interval:
            if self._due - time > self._interval * _EARLY:
                return False
            self._due += self._interval
            return True
        # The first one, one after a pause, or time that fell back, as of another stream.
        late = self._due is not None and 0 <= time - self._due < self._interval
        self._due = (self._due if late and self._due is not None else time) + self._interval
        return True

    def _converted(self, frame: VideoFrame) -> NDArray[np.uint8]:
        width, height = self._size or (frame.width, frame.height)
        array = frame.to_ndarray(format="rgb24", width=width, height=height)
        return array.astype(np.uint8, copy=False)


def pictures(
    track: MediaStreamTrack, *, size: tuple[int, int] | None = None, rate: float | None = None
) -> PictureReader:
    """The pictures of a track, until it ends.

    The track is read all the time from the first picture on. A program that is busy gets the newest
    picture next, and those before it are dropped.

    Args:
        track: Of pictures; it is read, and never stopped.
        size: Width and height to scale to, in pixels; as they come where it is None.
        rate: Pictures a second at most; all of them where it is None.

    Returns:
        An asynchronous iterator, to be closed (`aclose`, or `async with`) when it is not wanted
        any more while the track goes on.

    Raises:
        ValueError: The size or the rate is none that can be.
    """
    return PictureReader(track, size, rate)


def _time_of(frame: VideoFrame) -> float:
    if frame.pts is None or not frame.time_base:
        return asyncio.get_running_loop().time()
    return float(frame.pts * frame.time_base)
