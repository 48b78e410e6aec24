"""Owns the writing of a participant's name on its part of a picture."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from media import lettering

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from media.mixing.layout import Rect
    from media.planes import Planes

_INK = 235
_PAPER = 16
_GREY = 128
#: Characters of a name that are looked at.
_LONGEST = 64


def written(name: str) -> str:
    """The name in the letters that there are: without accents, `?` for any other."""
    plain = unicodedata.normalize("NFKD", name[:_LONGEST])
    letters = (c for c in plain if not unicodedata.combining(c))
    return "".join(c if c in lettering.CHARACTERS else "?" for c in "".join(letters).upper())


def label(pixels: Planes, place: Rect, name: str) -> None:
    """Write it on a dark ground at the lower left of a place; what does not fit is cut off."""
    scale = max(1, round(place.width / 320))
    margin = 2 * scale
    ink = _fitting(name, scale, place.width - 2 * margin)
    height, width = ink.shape[0] + 2 * margin & ~1, ink.shape[1] + 2 * margin & ~1
    if not ink.size or height > place.height:
        return
    left, top = place.left, place.top + place.height - height
    _ground(pixels, left, top, width, height)
    _draw(pixels, left + margin, top + margin, ink)


def placeholder(pixels: Planes, place: Rect, name: str) -> None:
    """Write it in the middle of a place, large."""
    scale = max(1, round(place.width / 160))
    ink = _fitting(name, scale, place.width)
    if ink.shape[0] <= place.height:
        left = place.left + (place.width - ink.shape[1]) // 2
        _draw(pixels, left, place.top + (place.height - ink.shape[0]) // 2, ink)


@lru_cache(maxsize=256)
def _mask(text: str, scale: int) -> NDArray[np.bool_]:
    return lettering.mask(text, scale)


def _fitting(name: str, scale: int, width: int) -> NDArray[np.bool_]:
    return _mask(written(name), scale)[:, : max(0, width)]


def _ground(pixels: Planes, left: int, top: int, width: int, height: int) -> None:
    pixels.y[top : top + height, left : left + width] = _PAPER
    for chroma in (pixels.u, pixels.v):
        rows = slice(top // 2, (top + height) // 2)
        chroma[rows, left // 2 : (left + width) // 2] = _GREY


def _draw(pixels: Planes, left: int, top: int, ink: NDArray[np.bool_]) -> None:
    pixels.y[top : top + ink.shape[0], left : left + ink.shape[1]][ink] = _INK
