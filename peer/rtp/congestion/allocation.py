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
        weight: Its part of what is left, beside the others'; above 0.
    """

    minimum: int = 0
    maximum: int | None = None
    weight: float = 1.0


def allocate(bitrate: int, shares: Sequence[Share]) -> tuple[int, ...]:
    """The bitrate of each share, in their order; together at most `bitrate`.

    What one cannot use goes to the others.
    """
    given = [0] * len(shares)
    left = bitrate
    for index, share in enumerate(shares):
        least = share.minimum if share.maximum is None else min(share.minimum, share.maximum)
        given[index] = min(least, left)
        left -= given[index]
    open_ones = set(range(len(shares)))
    # Each round fills at least one share up to its maximum, or is the last.
    while left > 0 and open_ones:
        weight = sum(shares[index].weight for index in open_ones)
        part = left / weight
        filled = set()
        for index in open_ones:
            maximum = shares[index].maximum
            if maximum is not None and given[index] + part * shares[index].weight >= maximum:
                filled.add(index)
        if not filled:
            for index in open_ones:
                given[index] += int(part * shares[index].weight)
            break
        for index in filled:
            maximum = shares[index].maximum
            more = 0 if maximum is None else max(0, maximum - given[index])
            given[index] += min(more, left)
            left -= min(more, left)
        open_ones -= filled
    return tuple(given)
