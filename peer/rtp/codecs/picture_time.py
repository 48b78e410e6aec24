"""Owns how far apart pictures are, whatever times a track gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

# Seconds. A pause must not look to an encoder like a budget that it may spend on one picture.
LONGEST = 0.2
SHORTEST = 0.004
USUAL = 1 / 30
# How much the latest interval counts in the mean.
WEIGHT = 1 / 16


class PictureTime:
    """Intervals of pictures, and their mean, in seconds.

    Args:
        usual: Before any is known.
    """

    def __init__(self, usual: float = USUAL) -> None:
        self._last: Fraction | None = None
        self.mean = min(max(usual, SHORTEST), LONGEST)

    def advance(self, time: Fraction | None) -> float:
        """The interval before a picture; the usual one where times do not rise.

        Args:
            time: Its time in seconds; None where the track does not say.
        """
        last, self._last = self._last, time
        if last is None or time is None or time <= last:
            return USUAL
        interval = min(max(float(time - last), SHORTEST), LONGEST)
        self.mean += (interval - self.mean) * WEIGHT
        return interval
