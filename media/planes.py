"""Owns access to the pixels of a YUV 4:2:0 frame as numpy arrays, line padding hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from av import VideoFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = "yuv420p"


class Planes(NamedTuple):
    """Views on the three planes of one frame; writing to them writes to the frame.

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

    A decoder may still predict from the frame that it gave us, so that one is never drawn upon.
    """
    source = frame if frame.format.name == FORMAT else frame.reformat(format=FORMAT)
    copy = VideoFrame(source.width, source.height, FORMAT)
    for to, origin in zip(planes(copy), planes(source), strict=True):
        to[:] = origin
    copy.pts = frame.pts
    if frame.time_base is not None:
        copy.time_base = frame.time_base
    return copy
