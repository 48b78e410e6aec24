"""Owns `Moment`: the clocks that a report is made by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """One time by two clocks.

    Args:
        now: In seconds of the engine's clock.
        unix: In seconds since 1970.
    """

    now: float
    unix: float

    def milliseconds(self, at: float) -> float:
        """A time of the engine's clock, in milliseconds since 1970."""
        return (self.unix - (self.now - at)) * 1000
