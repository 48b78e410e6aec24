"""Drawing of several video frames into one picture, each in its tile."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from typing import TYPE_CHECKING

from av import FFmpegError, VideoFrame
from av.video.reformatter import VideoReformatter

from media.mixing import caption
from media.mixing.layout import Rect, fitted
from media.orientation import upright, upright_size
from media.planes import FORMAT, planes
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

#: Colour behind all tiles, as (Y, U, V).
BACKGROUND = (16, 128, 128)
#: Colour of a tile without video, as (Y, U, V).
PLACEHOLDER = (52, 132, 124)


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One participant's part of the picture.

    Args:
        key: Identifies the participant.
        place: The tile's rectangle.
        picture: The video frame to show; None for a placeholder.
        name: Label on the tile; empty for none.
    """

    key: Hashable
    place: Rect
    picture: VideoFrame | None
    name: str = ""

    def same(self, other: Tile) -> bool:
        """Tell if both tiles look alike, at the same place."""
        return (
            self.picture is other.picture and self.name == other.name and self.place == other.place
        )


class Canvas:
    """Draws those tiles that have changed since the last drawing. For one thread at a time.

    Args:
        width: Width in pixels, even.
        height: Height in pixels, even.

    Attributes:
        drawn: Number of tiles drawn so far.
    """

    def __init__(self, *, width: int, height: int) -> None:
        self.drawn = 0
        self._frame = VideoFrame(width, height, FORMAT)
        self._pixels = planes(self._frame)
        self._whole = Rect(0, 0, width, height)
        self._tiles: dict[Hashable, Tile] = {}
        self._reformatters: dict[Hashable, VideoReformatter] = {}
        self._fill(self._whole, BACKGROUND)

    def draw(self, tiles: Sequence[Tile]) -> None:
        """Show these tiles, whose places do not overlap, and nothing else."""
        wanted = {tile.key: tile for tile in tiles}
        if _places(wanted) != _places(self._tiles):
            self._fill(self._whole, BACKGROUND)
            self._tiles.clear()
        for key in self._reformatters.keys() - wanted.keys():
            del self._reformatters[key]
        for key, tile in wanted.items():
            former = self._tiles.get(key)
            if former is None or not tile.same(former):
                self._try(tile, former)
                self._tiles[key] = tile
                self.drawn += 1

    def picture(self) -> VideoFrame:
        """Return a copy of the picture, without a timestamp."""
        copy = VideoFrame(self._whole.width, self._whole.height, FORMAT)
        for to, origin in zip(planes(copy), self._pixels, strict=True):
            to[:] = origin
        return copy

    def _try(self, tile: Tile, former: Tile | None) -> None:
        if tile.picture is None:
            self._draw_placeholder(tile)
            return
        try:
            self._draw(tile, tile.picture, former)
        except (FFmpegError, ValueError) as error:
            _log.warning("a picture of %s could not be drawn: %s", tile.picture.format.name, error)
            self._draw_placeholder(tile)

    def _draw_placeholder(self, tile: Tile) -> None:
        self._fill(tile.place, BACKGROUND)
        card = _inset(fitted((16, 9), tile.place))
        self._fill(card, PLACEHOLDER)
        caption.placeholder(self._pixels, card, tile.name)

    def _draw(self, tile: Tile, picture: VideoFrame, former: Tile | None) -> None:
        picture = upright(picture)
        inner = fitted((picture.width, picture.height), tile.place)
        if former is None or former.name != tile.name or _inner(former) != inner:
            self._fill(tile.place, BACKGROUND)
        self._copy(tile.key, picture, inner)
        # A long name on a slim picture goes on over the bar beside it.
        room = tile.place.left + tile.place.width - inner.left
        ground = Rect(inner.left, inner.top, room, inner.height)
        caption.label(self._pixels, ground, tile.name)

    def _copy(self, key: Hashable, picture: VideoFrame, inner: Rect) -> None:
        reformatter = self._reformatters.setdefault(key, VideoReformatter())
        scaled = reformatter.reformat(
            picture, inner.width, inner.height, FORMAT, interpolation="BILINEAR"
        )
        for number, (to, origin) in enumerate(zip(self._pixels, planes(scaled), strict=True)):
            _cut(to, inner, number)[:] = origin

    def _fill(self, place: Rect, colour: tuple[int, int, int]) -> None:
        for number, (plane, value) in enumerate(zip(self._pixels, colour, strict=True)):
            _cut(plane, place, number)[:] = value


def _places(tiles: Mapping[Hashable, Tile]) -> list[tuple[Hashable, Rect]]:
    return [(key, tile.place) for key, tile in tiles.items()]


def _inset(place: Rect) -> Rect:
    """Shrink a rectangle by two pixels at each side, so that neighbours stand apart."""
    if min(place.width, place.height) <= 8:
        return place
    return Rect(place.left + 2, place.top + 2, place.width - 4, place.height - 4)


def _inner(tile: Tile) -> Rect | None:
    picture = tile.picture
    return None if picture is None else fitted(upright_size(picture), tile.place)


def _cut(plane: NDArray[np.uint8], place: Rect, number: int) -> NDArray[np.uint8]:
    """View the part of plane 0 (luma), or of a chroma plane of half its rows and columns."""
    by = 2 if number else 1
    return plane[
        place.top // by : (place.top + place.height) // by,
        place.left // by : (place.left + place.width) // by,
    ]
