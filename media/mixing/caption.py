"""Drawing of participants' names on their tiles, in a bitmap font."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from media import lettering
from media.mixing.layout import Rect

if TYPE_CHECKING:
    import numpy as np
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


def written(name: str) -> str:
    """Reduce a name to the letters of the font: without accents, `?` for unknown characters."""
    plain = unicodedata.normalize("NFKD", name[:_LONGEST])
    letters = (c for c in plain if not unicodedata.combining(c))
    return "".join(c if c in lettering.CHARACTERS else "?" for c in "".join(letters).upper())


def label(pixels: Planes, place: Rect, name: str) -> None:
    """Write a name on a dark ground at the lower left of a place; the overflow is cut off."""
    scale = max(1, round(place.width / 320))
    margin = 2 * scale
    ink = _letters(name, scale)[:, : max(0, place.width - 2 * margin)]
    height, width = ink.shape[0] + 2 * margin & ~1, ink.shape[1] + 2 * margin & ~1
    if not ink.size or height > place.height:
        return
    left, top = place.left, place.top + place.height - height
    ground = Rect(left, top, width, height)
    _ground(pixels, ground)
    _draw(pixels, (left + margin, top + margin), ink)


def placeholder(pixels: Planes, place: Rect, name: str) -> None:
    """Write a name large in the middle of a place."""
    scale = max(1, round(place.width / 160))
    ink = _letters(name, scale)[:, : place.width]
    if ink.shape[0] <= place.height:
        left = place.left + (place.width - ink.shape[1]) // 2
        _draw(pixels, (left, place.top + (place.height - ink.shape[0]) // 2), ink)


@lru_cache(maxsize=256)
def _mask(text: str, scale: int) -> NDArray[np.bool_]:
    return lettering.mask(text, scale)


def _letters(name: str, scale: int) -> NDArray[np.bool_]:
    return _mask(written(name), scale)


def _ground(pixels: Planes, place: Rect) -> None:
    right, bottom = place.left + place.width, place.top + place.height
    pixels.y[place.top : bottom, place.left : right] = _PAPER
    for chroma in (pixels.u, pixels.v):
        chroma[place.top // 2 : bottom // 2, place.left // 2 : right // 2] = _GREY


def _draw(pixels: Planes, corner: tuple[int, int], ink: NDArray[np.bool_]) -> None:
    left, top = corner
    pixels.y[top : top + ink.shape[0], left : left + ink.shape[1]][ink] = _INK
