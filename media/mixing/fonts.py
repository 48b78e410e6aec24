"""Fonts of the machine, chosen by the characters that have to be drawn."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

try:
    from PIL import ImageFont
except ImportError:  # the optional extra `names`
    _DRAWS = False
else:
    _DRAWS = True

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.ImageFont import FreeTypeFont

#: Fonts that are looked at, at most (ours).
_MOST = 400
#: A character that no font has (a noncharacter of Unicode), drawn as the mark for a missing one.
_MISSING = "\ufffe"
#: Size in pixels at which glyphs are looked at (ours).
_SIZE = 24
_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "~/Library/Fonts",
    "C:/Windows/Fonts",
)
#: Beginnings of the names of fonts that are taken before others, for many scripts first.
_PREFERRED = ("notosans-regular", "dejavusans.", "arial", "helvetica", "segoeui", "notosans")
_OTHER_STYLES = ("bold", "italic", "oblique", "light", "thin", "mono", "serif", "condensed")


def installed() -> bool:
    """Tell if there is a library that draws fonts, and a font."""
    return _DRAWS and bool(_paths())


@lru_cache(maxsize=64)
def font(path: str, size: int) -> FreeTypeFont:
    """Return a font of the machine.

    Args:
        path: Path of its file.
        size: Height of its em square in pixels.
    """
    return ImageFont.truetype(path, size)


@lru_cache(maxsize=4096)
def font_for(text: str) -> str | None:
    """Return the path of the first font that has all characters of a text; None without one."""
    wanted = frozenset(text)
    return next(
        (path for path in _paths() if all(_has(path, character=each) for each in wanted)), None
    )


@lru_cache(maxsize=1)
def _paths() -> tuple[str, ...]:
    found = sorted((path for path in _files() if _is_font(path)), key=_rank)
    return tuple(map(str, found[:_MOST]))


def _files() -> Iterator[Path]:
    for folder in _FOLDERS:
        for root, _, names in os.walk(os.path.expanduser(folder)):
            yield from (Path(root, name) for name in names)


def _is_font(path: Path) -> bool:
    return path.suffix.lower() in {".ttf", ".ttc", ".otf"}


def _rank(path: Path) -> tuple[int, int, str]:
    name = path.name.lower()
    preferred = (n for n, begin in enumerate(_PREFERRED) if name.startswith(begin))
    plain = not any(style in name for style in _OTHER_STYLES)
    return (0 if plain else 1, next(preferred, sys.maxsize), str(path))


@lru_cache(maxsize=8192)
def _has(path: str, *, character: str) -> bool:
    missing = _missing(path)
    if missing is None:
        return False
    try:
        return character.isspace() or _glyph(path, character=character) != missing
    except OSError:
        return False


@lru_cache(maxsize=_MOST)
def _missing(path: str) -> bytes | None:
    """Draw what a font shows for a missing character; None where it cannot be read."""
    try:
        return _glyph(path, character=_MISSING)
    except OSError:
        return None


@lru_cache(maxsize=_MOST)
def _sample(path: str) -> FreeTypeFont:
    return ImageFont.truetype(path, _SIZE, layout_engine=ImageFont.Layout.BASIC)


def _glyph(path: str, *, character: str) -> bytes:
    found = _sample(path)
    mask = found.getmask(character)
    return bytes(mask) + repr((mask.size, found.getlength(character))).encode()
