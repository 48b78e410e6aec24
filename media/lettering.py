"""Bitmap font of 5 by 7 dots for overlays and names."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

#: Dots of the height of a character.
HEIGHT = 7
_CELL = 6  # Dots of the width of a character: five columns and one of space.

_DIGITS = """
 ###    #    ###  #####    #  #####   ##  #####  ###   ###
#   #  ##   #   #    #    ##  #      #        # #   # #   #
#  ##   #       #   #    # #  ####  #        #  #   # #   #
# # #   #      #     #  #  #      # ####    #    ###   ####
##  #   #     #       # #####     # #   #  #    #   #     #
#   #   #    #    #   #    #  #   # #   #  #    #   #    #
 ###   ###  #####  ###     #   ###   ###   #     ###   ##
"""

_OTHERS = """
                  ##### ####   ###  #   # #####
       ##         #     #   # #   # ## ## #
       ##         #     #   # #   # # # # #
                  ####  ####  ##### # # # ####
       ##         #     # #   #   # #   # #
       ##    ##   #     #  #  #   # #   # #
             ##   #     #   # #   # #   # #####
"""

_LETTERS = """
####   ###  ####   ###  #   #  ###    ### #   # #     #   #  ###
#   # #   # #   # #   # #   #   #      #  #  #  #     ##  # #   #
#   # #     #   # #     #   #   #      #  # #   #     ##  # #   #
####  #     #   # # ### #####   #      #  ##    #     # # # #   #
#   # #     #   # #   # #   #   #      #  # #   #     #  ## #   #
#   # #   # #   # #   # #   #   #   #  #  #  #  #     #  ## #   #
####   ###  ####   #### #   #  ###   ##   #   # ##### #   #  ###
"""

_MORE_LETTERS = """
####   ###   #### ##### #   # #   # #   # #   # #   # #####
#   # #   # #       #   #   # #   # #   # #   # #   #     #
#   # #   # #       #   #   # #   # #   #  # #   # #     #
####  #   #  ###    #   #   # #   # # # #   #     #     #
#     # # #     #   #   #   # #   # # # #  # #    #    #
#     #  #      #   #   #   #  # #  ## ## #   #   #   #
#      ## # ####    #    ###    #   #   # #   #   #   #####
"""

_SIGNS = """
              #                   #    #   #     ###   ##    ###
              #           #       #   #     #   #   # #  #  #   #
             #            #      #   #       #  # ### # #       #
#####                   #####   #    #       #  # # #  #       #
                    ##    #    #     #       #  # ### # # #   #
                     #    #   #       #     #   #     #  #
      #####         #         #        #   #     ####  ## #   #
"""


def _cut(art: str, *, characters: str) -> dict[str, NDArray[np.bool_]]:
    width = _CELL * len(characters)
    rows = art.removeprefix("\n").removesuffix("\n").split("\n")
    dots = np.array([[dot == "#" for dot in row.ljust(width)] for row in rows])
    return {c: dots[:, i * _CELL : (i + 1) * _CELL] for i, c in enumerate(characters)}


_GLYPHS: Mapping[str, NDArray[np.bool_]] = MappingProxyType(
    _cut(_DIGITS, characters="0123456789")
    | _cut(_OTHERS, characters=" :.FRAME")
    | _cut(_LETTERS, characters="BCDGHIJKLNO")
    | _cut(_MORE_LETTERS, characters="PQSTUVWXYZ")
    | _cut(_SIGNS, characters="-_',+/()@&?")
)

#: All characters of the font.
CHARACTERS = frozenset(_GLYPHS)


def mask(text: str, scale: int = 1) -> NDArray[np.bool_]:
    """Draw one line of text as a mask.

    Args:
        text: Characters of `CHARACTERS`: digits, capital letters, space and some signs.
        scale: Pixels for each dot of the font.

    Returns:
        Shape (7 * scale, 6 * scale * len(text)), true where there is ink.

    Raises:
        ValueError: The font lacks a character.
    """
    missing = sorted(set(text) - _GLYPHS.keys())
    if missing:
        raise ValueError(f"the font lacks {missing}")
    if not text:
        return np.zeros((HEIGHT * scale, 0), dtype=np.bool_)
    line = np.concatenate([_GLYPHS[character] for character in text], axis=1)
    return line.repeat(scale, axis=0).repeat(scale, axis=1)
