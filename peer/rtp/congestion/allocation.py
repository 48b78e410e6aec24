"""Owns how a bitrate is divided among those who send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """What one sender can use, in bits a second.

    Args:
        minimum: It gets this before anybody gets more, in the order of the shares.
        maximum: It gets no more than this; None for no bound.
        weight: Its part of what is left, beside the others'.
    """

    minimum: int = 0
    maximum: int | None = None
    weight: float = 1.0


def allocate(bitrate: int, shares: Sequence[Share]) -> tuple[int, ...]:
    """The bitrate of each share, in their order; together at most `bitrate`."""
    raise NotImplementedError
