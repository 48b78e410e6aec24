"""Owns what is counted of a shared encoding."""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class SubscriptionCounts:
    """What became of a track's frames under one encoder since it was made.

    Args:
        read: Frames that the track gave.
        encoded: Pictures, or packets of sound, that the encoder made.
        passed: Frames that came encoded and went on as they were.
        lagged: Frames dropped because the encoder was not done with the ones before.
        unusable: Frames of another codec or form than agreed, and such as could not be encoded.
    """

    read: int = 0
    encoded: int = 0
    passed: int = 0
    lagged: int = 0
    unusable: int = 0


@dataclass(slots=True)
class Tally:
    """The same while it is counted."""

    read: int = 0
    encoded: int = 0
    passed: int = 0
    lagged: int = 0
    unusable: int = 0

    def counts(self) -> SubscriptionCounts:
        """As they are now."""
        return SubscriptionCounts(*astuple(self))
