"""Owns how much of what a sender sends is sent again, which its encoder must leave room for."""

from __future__ import annotations

#: A change of the part that is worth telling the encoder.
_STEP = 0.02
#: However bad the link is, half of the rate is for what is new.
_MOST = 0.5
_SMOOTHING = 0.5


class RepairPart:
    """Follows the octets that were sent, from one report of the peer to the next.

    Attributes:
        part: Of all octets those that were sent again, 0 to 0.5.
    """

    def __init__(self) -> None:
        self.part = 0.0
        self._smoothed = 0.0
        self._octets = 0
        self._again = 0

    def update(self, octets: int, again: int) -> bool:
        """Take what was sent so far, and of that again; whether `part` has changed.

        Args:
            octets: Of payload sent for the first time, since the beginning.
            again: Of payload sent again, since the beginning.
        """
        new, repaired = octets - self._octets, again - self._again
        self._octets, self._again = octets, again
        if new + repaired <= 0:
            return False
        self._smoothed += _SMOOTHING * (repaired / (new + repaired) - self._smoothed)
        if abs(self._smoothed - self.part) < _STEP:
            return False
        self.part = min(self._smoothed, _MOST)
        return True
