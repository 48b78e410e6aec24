"""Owns how long a missing packet is waited for: longer where packets come late, then less again."""

from __future__ import annotations

import math

#: Seconds for which what was learnt stands, and the time constant with which it then fades: after
#: 10 s less than a hundredth of it is left.
STANDS = 2.0
FADES = 1.5
#: By how much more than the lateness seen.
_SAFETY = 1.5
_MARGIN = 0.005


class Hold:
    """Seconds between a least and a most, that follow how late packets came after all.

    Args:
        least: Where none came late.
        most: Whatever came.
    """

    __slots__ = ("_at", "_value", "least", "most")

    def __init__(self, least: float, most: float) -> None:
        self.least = least
        self.most = most
        self._value = 0.0
        self._at = 0.0

    def learn(self, lateness: float, now: float) -> None:
        """A packet came that many seconds after it was missed."""
        value = min(self.most, lateness * _SAFETY + _MARGIN)
        if value >= self.value(now):
            self._value = value
            self._at = now

    def value(self, now: float) -> float:
        """The present one."""
        value, least = self._value, self.least
        if value <= least:
            return least
        calm = now - self._at - STANDS
        if calm <= 0.0:
            return value
        return least + (value - least) * math.exp(-calm / FADES)
