"""Owns where in a picture each participant has its place. PURE."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Layout(StrEnum):
    """How several pictures share one."""

    GRID = "grid"
    SPEAKER = "speaker"


@dataclass(frozen=True, slots=True)
class Rect:
    """A place, in pixels from the upper left; all even, for chroma has half of them."""

    left: int
    top: int
    width: int
    height: int


#: Width to height of what cameras give.
_SHAPE = 16 / 9
#: What of the height is left to those who do not speak.
_STRIP = 1 / 5


def places(layout: Layout, width: int, height: int, count: int) -> tuple[Rect, ...]:
    """One for each participant; in the layout `speaker` the first is the one who speaks.

    Args:
        layout: Which.
        width: Of the whole picture, in pixels, even.
        height: As `width`.
        count: Of participants.
    """
    if count < 1:
        return ()
    if layout is Layout.SPEAKER and count > 1:
        strip = _even(height * _STRIP)
        speaker = Rect(0, 0, width, height - strip)
        return (speaker, *_row(0, height - strip, width, strip, count - 1, count - 1))
    return _grid(width, height, count)


def fitted(width: int, height: int, place: Rect) -> Rect:
    """The largest place of the same shape as a picture, in the middle of another place.

    Args:
        width: Of the picture.
        height: As `width`.
        place: Where it is to be.
    """
    width, height = max(1, width), max(1, height)
    scale = min(place.width / width, place.height / height)
    across = min(place.width, max(2, _even(width * scale + 1)))
    down = min(place.height, max(2, _even(height * scale + 1)))
    return Rect(
        place.left + _even((place.width - across) / 2),
        place.top + _even((place.height - down) / 2),
        across,
        down,
    )


def _grid(width: int, height: int, count: int) -> tuple[Rect, ...]:
    """As many columns as make the pictures largest; the last row stands in the middle."""
    columns = max(range(1, count + 1), key=lambda n: _breadth(width, height, count, n))
    rows = -(-count // columns)
    down = _even(height / rows)
    top = _even((height - rows * down) / 2)
    found: list[Rect] = []
    for row in range(rows):
        here = min(columns, count - row * columns)
        found += _row(0, top + row * down, width, down, columns, here)
    return tuple(found)


def _breadth(width: int, height: int, count: int, columns: int) -> float:
    """How wide a picture of a camera is with so many columns; more of them where that is alike."""
    rows = -(-count // columns)
    return min(width / columns, height / rows * _SHAPE) + columns / 1000


def _row(left: int, top: int, width: int, height: int, columns: int, count: int) -> list[Rect]:
    """`count` places in the middle of a row that has room for `columns`.

    They are no wider than a camera's picture, so that those of a row stand side by side.
    """
    across = max(2, min(_even(width / columns), _even(height * _SHAPE + 1)))
    first = left + max(0, _even((width - count * across) / 2))
    return [Rect(first + n * across, top, across, height) for n in range(count)]


def _even(length: float) -> int:
    return int(length) & ~1
