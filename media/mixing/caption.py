"""Drawing of participants' names on their tiles."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from media import lettering
from media.mixing import typeface
from media.mixing.layout import Rect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from media.planes import Planes

#: Luma of the letters: white (ITU-R BT.601).
_INK = 235
#: Luma of the ground: black (ITU-R BT.601).
_PAPER = 16
#: Chroma of the ground: no colour.
_GREY = 128
#: Characters of a name beyond which it is cut off (ours).
_LONGEST = 64
#: Sizes of a label's letters in pixels of the em square: capitals have 0.7 of it (ours).
_SMALLEST, _LARGEST = 20, 48
#: Height of a tile to the size of the letters on its label, and of those in its middle (ours).
_LABEL, _MIDDLE = 14, 6


def written(name: str) -> str:
    """Reduce a name to the letters of the bitmap font: without accents, `?` for unknown ones."""
    plain = unicodedata.normalize("NFKD", name[:_LONGEST])
    letters = (c for c in plain if not unicodedata.combining(c))
    return "".join(c if c in lettering.CHARACTERS else "?" for c in "".join(letters).upper())


def label(pixels: Planes, place: Rect, name: str) -> None:
    """Write a name on a dark ground at the lower left of a place; the overflow is cut off."""
    size = min(_LARGEST, max(_SMALLEST, place.height // _LABEL))
    margin = 2 * max(1, size // 12)
    ink = _letters(name, size, room=place.height - 2 * margin)
    ink = ink[:, : max(0, place.width - 2 * margin)]
    height, width = ink.shape[0] + 2 * margin & ~1, ink.shape[1] + 2 * margin & ~1
    if not ink.size or height > place.height:
        return
    left, top = place.left, place.top + place.height - height
    ground = Rect(left, top, width, height)
    _ground(pixels, ground)
    _draw(pixels, (left + margin, top + margin), ink)


def placeholder(pixels: Planes, place: Rect, name: str) -> None:
    """Write a name large in the middle of a place."""
    ink = _letters(name, max(_SMALLEST, place.height // _MIDDLE), room=place.height)
    ink = ink[:, : place.width]
    if ink.shape[0] <= place.height:
        left = place.left + (place.width - ink.shape[1]) // 2
        _draw(pixels, (left, place.top + (place.height - ink.shape[0]) // 2), ink)


def _letters(name: str, size: int, *, room: int) -> NDArray[np.uint8]:
    """Draw a name, 0 to 255, in letters of a size or smaller ones that fit into a height."""
    size = min(size, room * 3 // 4)
    text = name[:_LONGEST]
    drawn = typeface.line(text, size) if size >= lettering.HEIGHT and text.strip() else None
    if drawn is not None:
        return drawn
    return _bitmap(written(name), max(1, size // (lettering.HEIGHT + 3)))


@lru_cache(maxsize=256)
def _bitmap(text: str, scale: int) -> NDArray[np.uint8]:
    return lettering.mask(text, scale).astype(np.uint8) * 255


def _ground(pixels: Planes, place: Rect) -> None:
    right, bottom = place.left + place.width, place.top + place.height
    pixels.y[place.top : bottom, place.left : right] = _PAPER
    for chroma in (pixels.u, pixels.v):
        chroma[place.top // 2 : bottom // 2, place.left // 2 : right // 2] = _GREY


def _draw(pixels: Planes, corner: tuple[int, int], ink: NDArray[np.uint8]) -> None:
    left, top = corner
    under = pixels.y[top : top + ink.shape[0], left : left + ink.shape[1]]
    share = ink.astype(np.int32)
    under[:] = (under * (255 - share) + _INK * share) // 255
