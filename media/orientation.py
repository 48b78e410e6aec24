"""Turning of video frames that lie on their side, and stretching of pixels that are not square."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from av import VideoFrame
from av.sidedata.sidedata import Type
from av.video.reformatter import VideoReformatter

from media.planes import FORMAT, planes
from peer.values import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Width of a pixel to its height, or the inverse, beyond which a file is taken to be wrong (ours).
_WIDEST = 8
#: Largest side in pixels to which a picture is stretched; beyond, the other one shrinks (ours).
_LARGEST = 4096


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn by a multiple of 90 degrees, or a mirroring, or both.

    Args:
        transposed: Rows become columns, before the rest.
        mirrored: Left and right change places.
        upended: Top and bottom change places.
    """

    transposed: bool
    mirrored: bool
    upended: bool

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return width and height of a picture of that size once it is turned."""
        return (size[1], size[0]) if self.transposed else size

    def turned(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """View a plane of shape (height, width) as it looks once it is turned."""
        plane = plane.T if self.transposed else plane
        plane = plane[:, ::-1] if self.mirrored else plane
        return plane[::-1] if self.upended else plane


_NONE = Turn(transposed=False, mirrored=False, upended=False)


def turn_of(frame: VideoFrame) -> Turn | None:
    """Return how a frame has to be turned to stand upright; None where it does.

    The display matrix of a frame (ISO 14496-12 section 8.3.2, H.264 D.2.26) puts the pixel at
    (p, q) at (a p + c q, b p + d q). Angles between are taken as the nearest quarter turn.
    """
    data: Any = frame.side_data  # The types of PyAV know names only as keys.
    found = data.get(Type.DISPLAYMATRIX)
    if found is None:
        return None
    matrix = np.frombuffer(bytes(found), np.int32)
    if matrix.size < 9:
        return None
    a, b, c, d = (int(matrix[at]) for at in (0, 1, 3, 4))
    if not a * d - b * c:
        return None
    if abs(a) + abs(d) >= abs(b) + abs(c):
        turn = Turn(transposed=False, mirrored=a < 0, upended=d < 0)
    else:
        turn = Turn(transposed=True, mirrored=c < 0, upended=b < 0)
    return None if turn == _NONE else turn


def upright(frame: VideoFrame) -> VideoFrame:
    """Return a frame as it is to be seen: itself, or a turned copy in `yuv420p`."""
    turn = turn_of(frame)
    if turn is None:
        return frame
    source = frame if frame.format.name == FORMAT else frame.reformat(format=FORMAT)
    return _turned(source, turn)


def upright_size(frame: VideoFrame) -> tuple[int, int]:
    """Return width and height in pixels of a frame as `upright` gives it."""
    turn = turn_of(frame)
    size = frame.width, frame.height
    return size if turn is None else turn.size(size)


def square_size(size: tuple[int, int], shape: Fraction | None) -> tuple[int, int]:
    """Return the size of a picture whose pixels have been made square.

    The side grows whose pixels are too long, so that no detail is lost; what would be very large
    shrinks at the other side instead.

    Args:
        size: Width and height in pixels.
        shape: Width of a pixel to its height; None where it is not known.
    """
    if not shape or shape == 1 or not Fraction(1, _WIDEST) <= shape <= _WIDEST:
        return size
    width, height = size
    wide = shape > 1
    grown = width * shape if wide else height / shape
    if grown <= _LARGEST:
        return (_even(grown), height) if wide else (width, _even(grown))
    return (width, _even(height / shape)) if wide else (_even(width * shape), height)


class Straightener:
    """Makes the frames of one stream stand upright, with square pixels."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def straighten(self, frame: VideoFrame, shape: Fraction | None) -> VideoFrame:
        """Return a frame as it is to be seen: itself, or a changed copy in `yuv420p`.

        Args:
            frame: The frame; it is not changed.
            shape: Width of its pixels to their height; None where it is not known.
        """
        turn, size = turn_of(frame), (frame.width, frame.height)
        wanted = square_size(size, shape)
        if turn is None and wanted == size:
            return frame
        source = frame
        if wanted != size or frame.format.name != FORMAT:
            source = self._reformatter.reformat(frame, *wanted, FORMAT, interpolation="BICUBIC")
        return source if turn is None else _turned(source, turn)


def _turned(source: VideoFrame, turn: Turn) -> VideoFrame:
    copy = VideoFrame(*turn.size((source.width, source.height)), FORMAT)
    for to, origin in zip(planes(copy), planes(source), strict=True):
        to[:] = turn.turned(origin)
    copy.pts = source.pts
    if source.time_base is not None:
        copy.time_base = source.time_base
    copy.colorspace, copy.color_range = source.colorspace, source.color_range
    return copy


def _even(length: Fraction) -> int:
    return max(2, round(length / 2) * 2)
