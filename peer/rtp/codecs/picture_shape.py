"""Owns the picture that an encoder is given: one of ours, in its format and size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from av import VideoFrame
from av.video.reformatter import VideoReformatter

FORMAT = "yuv420p"


@dataclass(frozen=True, slots=True)
class SizeRule:
    """What sizes a library takes, in pixels.

    Args:
        least: Of either side.
        even: Whether both sides have to be.
    """

    least: int = 2
    even: bool = False


def target_size(
    width: int, height: int, rule: SizeRule, scale_down_by: float = 1.0
) -> tuple[int, int]:
    """The size to encode a picture of this size in; its proportions stay."""
    factor = max(1 / scale_down_by, rule.least / min(width, height))
    # Chroma has half the size: what is scaled anyway becomes even.
    even = rule.even or factor != 1.0
    return _side(width * factor, rule.least, even=even), _side(
        height * factor, rule.least, even=even
    )


class PictureShaper:
    """Copies pictures; the ones it is given are never changed, nor shared with a library.

    It has a scaler of its own, as those that av keeps with a frame are not for two threads.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def shape(self, frame: VideoFrame, width: int, height: int) -> VideoFrame:
        """The picture in our format and this size, without a time or a type."""
        made = frame
        # One row or column less is cut off: scaling would blur the whole.
        cut = 0 <= frame.width - width <= 1 and 0 <= frame.height - height <= 1
        if frame.format.name != FORMAT or not cut:
            made = self._reformatter.reformat(
                frame,
                width=frame.width if cut else width,
                height=frame.height if cut else height,
                format=FORMAT,
            )
        if made is frame or (made.width, made.height) != (width, height):
            return _copy(made, width, height)
        return made


def _side(size: float, least: int, *, even: bool) -> int:
    # The tolerance keeps 480 * (1 / 1.5) from being 319.
    pixels = max(int(size + 1e-6), least)
    return pixels - pixels % 2 if even and pixels > 1 else pixels


def _copy(frame: VideoFrame, width: int, height: int) -> VideoFrame:
    copy = VideoFrame(width, height, FORMAT)
    for to, source in zip(copy.planes, frame.planes, strict=True):
        rows = np.frombuffer(memoryview(source), np.uint8).reshape(-1, source.line_size)
        into = np.frombuffer(memoryview(to), np.uint8).reshape(-1, to.line_size)
        into[: to.height, : to.width] = rows[: to.height, : to.width]
    return copy
