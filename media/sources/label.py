"""Reading back of the time and number that `OverlayTrack` wrote on a video frame."""

from __future__ import annotations

import re
from datetime import time
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from media import lettering
from media.planes import FORMAT, planes
from peer.values import dataclass

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray

_CHARACTERS = "0123456789:. FRAME"
_COUNT = len("12:34:56.789 FRAME 000042")
_TEXT = re.compile(r"(\d\d):(\d\d):(\d\d)\.(\d{3}) FRAME (\d+)")
#: Luma above which a dot counts as ink (ours).
_INK = 150
#: Dots of the 42 of a character that a lossy codec may have changed (ours).
_WRONG = 6


@dataclass(frozen=True, slots=True)
class Label:
    """Time and number that an overlay wrote on a video frame.

    Args:
        at: The time of day.
        number: Number of the frame, from 1.
    """

    at: time
    number: int


def read_label(frame: VideoFrame) -> Label | None:
    """Read the label of a frame that has the size it was drawn with; None without a label."""
    if frame.format.name != FORMAT:
        frame = frame.reformat(format=FORMAT)
    scale = max(1, round(frame.width / 240))
    margin = 2 * scale
    height = lettering.HEIGHT * scale
    top = (max(0, frame.height - height - 3 * margin) & ~1) + margin
    text = "".join(_characters(planes(frame).y[top : top + height, 2 * margin :], scale))
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    hour, minute, second, milli, number = (int(part) for part in found.groups())
    try:
        return Label(time(hour, minute, second, milli * 1000), number)
    except ValueError:
        return None


def _characters(ink: NDArray[np.uint8], scale: int) -> list[str]:
    cell = lettering.mask(" ").shape[1] * scale
    found = []
    for at in range(0, min(_COUNT * cell, ink.shape[1] - cell + 1), cell):
        patch = ink[:, at : at + cell].astype(np.float64)
        if patch.shape[0] < lettering.HEIGHT * scale:
            break
        dots = patch.reshape(lettering.HEIGHT, scale, -1, scale).mean(axis=(1, 3)) > _INK
        wrong = np.count_nonzero(_glyphs() != dots, axis=(1, 2))
        best = int(wrong.argmin())
        found.append(_CHARACTERS[best] if wrong[best] <= _WRONG else "?")
    return found


@cache
def _glyphs() -> NDArray[np.bool_]:
    return np.array([lettering.mask(character) for character in _CHARACTERS])
