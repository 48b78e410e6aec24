"""Drawing of one line of text in real fonts, of any script, where the machine has them."""

from __future__ import annotations

import contextlib
import logging
import threading
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from media.mixing import fonts

# Without the optional extra `names` there are no fonts to draw with, which `line` looks at.
with contextlib.suppress(ImportError):
    from PIL import Image, ImageDraw, features

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

#: Parts of the em square above and below the base line that a line has room for (ours).
_ABOVE, _BELOW = 1.0, 0.3
#: Drawn in place of a character that no font has.
_UNKNOWN = "?"
#: Marks that join letters, or keep them apart, in Persian and the scripts of India.
_JOINERS = "\u200c\u200d"
#: Directions of letters that are written from right to left (Unicode UAX 9).
_LEFTWARDS = frozenset({"R", "AL"})
# FreeType's faces are for one thread at a time.
_drawing = threading.Lock()
_said: set[str] = set()


def line(text: str, size: int) -> NDArray[np.uint8] | None:
    """Draw one line of text.

    Args:
        text: The text; control characters are left out.
        size: Height of the em square in pixels; capitals have some 0.7 of it.

    Returns:
        How much ink there is, 0 to 255, in shape (height, width); None where the machine has no
        font, or not the library that draws it.
    """
    if not fonts.installed():
        _say_once("names are drawn in Latin capitals: this needs handfast[names] and a font")
        return None
    try:
        with _drawing:
            return _line(_cleaned(text), size)
    except (OSError, ValueError) as error:
        _say_once(f"a name is drawn in Latin capitals, as the font has failed: {error}")
        return None


@lru_cache(maxsize=256)
def _line(text: str, size: int) -> NDArray[np.uint8]:
    runs = list(_runs(text))
    if any(unicodedata.bidirectional(each) in _LEFTWARDS for each in text):
        if not features.check("raqm"):
            _say_once("names in scripts such as Arabic are not shaped: Pillow has no raqm here")
        if len(runs) > 1 and _is_leftwards(text):
            runs.reverse()
    drawn = [(part, fonts.font(path, size)) for part, path in runs]
    widths = [round(font.getlength(part)) for part, font in drawn]
    height = round(size * _ABOVE) + round(size * _BELOW)
    image = Image.new("L", (max(1, sum(widths)), height))
    pen, at = ImageDraw.Draw(image), 0
    for (part, font), width in zip(drawn, widths, strict=True):
        pen.text((at, round(size * _ABOVE)), part, fill=255, font=font, anchor="ls")
        at += width
    return np.asarray(image, np.uint8)


def _cleaned(text: str) -> str:
    """Leave out what is no letter: controls, and what would turn the line around (UAX 9)."""
    flat = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(c for c in flat if c in _JOINERS or unicodedata.category(c)[0] != "C")


def _runs(text: str) -> Iterator[tuple[str, str]]:
    """Divide a text into parts of one font each, with the font's path."""
    visible = "".join(each for each in text if each not in _JOINERS)
    whole = fonts.font_for(visible)
    if whole is not None:
        yield text, whole
        return
    part, path = "", ""
    for character in text:
        joins = character in _JOINERS or character.isspace() or unicodedata.combining(character)
        found = path if joins and path else fonts.font_for(character)
        if found is None:
            _say_once(f"no font here has {unicodedata.name(character, repr(character))}")
            character = _UNKNOWN
            found = path or fonts.font_for(character)
        if found != path and part:
            yield part, path
            part = ""
        if found is not None:
            path = found
            part += character
    if part:
        yield part, path


def _is_leftwards(text: str) -> bool:
    """Tell if the first letter of a direction is one that is written leftwards (UAX 9 P2)."""
    directions = (unicodedata.bidirectional(character) for character in text)
    return next((d for d in directions if d in {"L", *_LEFTWARDS}), "L") in _LEFTWARDS


def _say_once(what: str) -> None:
    kind = what.split(" has ")[0]
    if kind not in _said:
        _said.add(kind)
        _log.warning("%s; this is said once", what)
