"""Arrangement of participants' tiles in one picture: a grid, or a large speaker. PURE."""

from __future__ import annotations

from enum import StrEnum

from peer.values import dataclass


class Layout(StrEnum):
    """Arrangements of several pictures in one."""

    GRID = "grid"
    SPEAKER = "speaker"


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in pixels from the upper left; all even, since 4:2:0 chroma has half of them."""

    left: int
    top: int
    width: int
    height: int


#: Aspect ratio, width to height, of a camera's picture (ours).
_SHAPE = 16 / 9
#: Part of the height that is left to participants who do not speak (ours).
_STRIP = 1 / 5


def places(layout: Layout, *, width: int, height: int, count: int) -> tuple[Rect, ...]:
    """Return the place of each participant's tile; in layout `speaker` the first is the large one.

    Args:
        layout: The arrangement.
        width: Width of the whole picture in pixels, even.
        height: Height of the whole picture in pixels, even.
        count: Number of participants.
    """
    if count < 1:
        return ()
    if layout is Layout.SPEAKER and count > 1:
        strip = _even(height * _STRIP)
        speaker = Rect(0, 0, width, height - strip)
        row = Rect(0, height - strip, width, strip)
        return (speaker, *_row(row, columns=count - 1, count=count - 1))
    return _grid(width=width, height=height, count=count)


def fitted(size: tuple[int, int], place: Rect) -> Rect:
    """Return the largest rectangle of a picture's aspect ratio, centred in a place.

    Args:
        size: Width and height of the picture in pixels.
        place: The rectangle to fit it in.
    """
    width, height = max(1, size[0]), max(1, size[1])
    scale = min(place.width / width, place.height / height)
    across = min(place.width, max(2, _even(width * scale + 1)))
    down = min(place.height, max(2, _even(height * scale + 1)))
    return Rect(
        place.left + _even((place.width - across) / 2),
        place.top + _even((place.height - down) / 2),
        across,
        down,
    )


def _grid(*, width: int, height: int, count: int) -> tuple[Rect, ...]:
    """Choose the number of columns that makes tiles largest; the last row is centred."""
    columns = max(
        range(1, count + 1),
        key=lambda n: _tile_width(width=width, height=height, count=count, columns=n),
    )
    rows = -(-count // columns)
    down = _even(height / rows)
    top = _even((height - rows * down) / 2)
    found: list[Rect] = []
    for row in range(rows):
        here = min(columns, count - row * columns)
        found += _row(Rect(0, top + row * down, width, down), columns=columns, count=here)
    return tuple(found)


def _tile_width(*, width: int, height: int, count: int, columns: int) -> float:
    """Return the width of a tile with so many columns; more columns win where it is equal."""
    rows = -(-count // columns)
    return min(width / columns, height / rows * _SHAPE) + columns / 1000


def _row(row: Rect, *, columns: int, count: int) -> list[Rect]:
    """Centre `count` tiles in a row that has room for `columns`.

    Tiles are no wider than a camera's picture, so that those of a row stand side by side.
    """
    across = max(2, min(_even(row.width / columns), _even(row.height * _SHAPE + 1)))
    first = row.left + max(0, _even((row.width - count * across) / 2))
    return [Rect(first + n * across, row.top, across, row.height) for n in range(count)]


def _even(length: float) -> int:
    return int(length) & ~1
