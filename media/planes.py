"""Pixels of YUV 4:2:0 frames as numpy arrays, without line padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from av import VideoFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = "yuv420p"


class Planes(NamedTuple):
    """Writable views on the three planes of one frame.

    Args:
        y: Luma, shape (height, width), 16 to 235.
        u: Blue difference, shape (ceil(height / 2), ceil(width / 2)), 128 for grey.
        v: Red difference, as `u`.
    """

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]


def planes(frame: VideoFrame) -> Planes:
    """View the pixels of a frame whose format is `yuv420p`."""
    y, u, v = (
        np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(plane.height, plane.line_size)[
            :, : plane.width
        ]
        for plane in frame.planes
    )
    return Planes(y, u, v)


def writable_copy(frame: VideoFrame) -> VideoFrame:
    """Copy a frame into `yuv420p`, with its time.

    A decoder may still predict from a frame it gave, so that frame is never drawn upon.
    """
    source = frame if frame.format.name == FORMAT else frame.reformat(format=FORMAT)
    copy = VideoFrame(source.width, source.height, FORMAT)
    for to, origin in zip(planes(copy), planes(source), strict=True):
        to[:] = origin
    copy.pts = frame.pts
    if frame.time_base is not None:
        copy.time_base = frame.time_base
    return copy
