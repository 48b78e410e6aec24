"""Converts video frames to the pixel format and size that an encoder takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.video.reformatter import VideoReformatter

from peer.rtp.yuv420p import PIXEL_FORMAT, copied
from peer.values import dataclass

if TYPE_CHECKING:
    from av import VideoFrame


@dataclass(frozen=True, slots=True)
class SizeRule:
    """The frame sizes that a library takes, in pixels.

    Args:
        least: Least width and height.
        even: Whether width and height have to be even.
    """

    least: int = 2
    even: bool = False


def target_size(
    *, width: int, height: int, rule: SizeRule, scale_down_by: float = 1.0
) -> tuple[int, int]:
    """Return the width and height to encode a frame in; its proportions stay."""
    factor = max(1 / scale_down_by, rule.least / min(width, height))
    # Chroma has half the size: a frame that is scaled anyway becomes even.
    even = rule.even or factor != 1.0
    return _side(width * factor, rule.least, even=even), _side(
        height * factor, rule.least, even=even
    )


class VideoScaler:
    """Copies video frames in another size and format, so that a library never shares ours.

    It has a reformatter of its own: those that PyAV keeps with a frame are not for two threads.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def scale(self, frame: VideoFrame, *, width: int, height: int) -> VideoFrame:
        """Return a copy in this size and `PIXEL_FORMAT`, without a time or a picture type."""
        scaled = frame
        # One row or column less is cut off: scaling would blur the whole.
        cut = 0 <= frame.width - width <= 1 and 0 <= frame.height - height <= 1
        if frame.format.name != PIXEL_FORMAT or not cut:
            scaled = self._reformatter.reformat(
                frame,
                width=frame.width if cut else width,
                height=frame.height if cut else height,
                format=PIXEL_FORMAT,
            )
        if scaled is frame or (scaled.width, scaled.height) != (width, height):
            return copied(scaled, width=width, height=height)
        return scaled


def _side(size: float, least: int, *, even: bool) -> int:
    # The tolerance keeps 480 * (1 / 1.5) from being 319.
    pixels = max(int(size + 1e-6), least)
    return pixels - pixels % 2 if even and pixels > 1 else pixels
