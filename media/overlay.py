"""Track that writes the time and a frame counter on another track's video."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import VideoFrame

from media import lettering
from media.planes import planes, writable_copy
from peer.rtp.tracks import MediaTrack

if TYPE_CHECKING:
    from collections.abc import Callable

#: Luma of the letters: white (ITU-R BT.601).
_INK = 235
#: Luma of the ground: black (ITU-R BT.601).
_PAPER = 16
#: Chroma of the ground: no colour.
_GREY = 128


def _now() -> datetime:
    return datetime.now().astimezone()


class OverlayTrack(MediaTrack):
    """Writes `12:34:56.789 FRAME 000042` at the lower left of each frame of a track.

    Args:
        source: A video track; it is read, and never stopped.
        clock: Returns the time to write; the local time by default.

    Attributes:
        frames: Number of frames so far.
        size: Width and height of the latest frame in pixels; None before the first.
    """

    kind = "video"

    def __init__(self, source: MediaStreamTrack, *, clock: Callable[[], datetime] = _now) -> None:
        super().__init__()
        self._source = source
        self._clock = clock
        self.frames = 0
        self.size: tuple[int, int] | None = None

    async def recv(self) -> VideoFrame:
        """Return the next frame, with the timestamp of the source's.

        Raises:
            MediaStreamError: This track or its source has ended.
        """
        if self.readyState != "live":
            raise MediaStreamError
        try:
            frame = await self._source.recv()
        except MediaStreamError:
            self.stop()
            raise
        if not isinstance(frame, VideoFrame):
            raise TypeError(f"an overlay needs video frames, not {type(frame).__name__}")
        self.frames += 1
        self.size = (frame.width, frame.height)
        drawn = writable_copy(frame)
        draw(drawn, f"{self._clock():%H:%M:%S.%f}"[:12] + f" FRAME {self.frames:06d}")
        return drawn


def draw(frame: VideoFrame, text: str) -> None:
    """Write `text` on a darkened label at the lower left of a `yuv420p` frame, in place.

    The letters grow with the width of the picture. In a picture that is too small for the label,
    the part that fits is drawn.
    """
    scale = max(1, round(frame.width / 240))
    margin = 2 * scale  # an even number, so that the label covers whole chroma samples
    ink = lettering.mask(text, scale)
    height, width = ink.shape[0] + 2 * margin, ink.shape[1] + 2 * margin
    top = max(0, frame.height - height - margin) & ~1

    y, u, v = planes(frame)
    label = y[top : top + height, margin : margin + width]
    label[:] = _PAPER + (label - label.clip(max=_PAPER)) // 4
    for chroma in (u, v):
        patch = chroma[top // 2 : (top + height) // 2, margin // 2 : (margin + width) // 2]
        patch[:] = _GREY
    line = label[margin : margin + ink.shape[0], margin : margin + ink.shape[1]]
    line[ink[: line.shape[0], : line.shape[1]]] = _INK
