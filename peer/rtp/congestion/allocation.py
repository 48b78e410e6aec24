"""Divides the target bitrate of a transport among its senders. PURE."""

from __future__ import annotations

from collections.abc import Sequence

from peer.values import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """The claim of one sender on the target bitrate, in bits/s.

    Args:
        minimum: Served before any sender gets more than its minimum, in the order of the shares.
        maximum: Upper bound; None for no bound.
        weight: Relative part of the bitrate left after the minimums; above 0.
    """

    minimum: int = 0
    maximum: int | None = None
    weight: float = 1.0


def allocate(bitrate: int, shares: Sequence[Share]) -> tuple[int, ...]:
    """Divide a bitrate among shares, in their order; the sum is at most `bitrate`.

    The bitrate above the maximum of one share goes to the others.
    """
    given = [0] * len(shares)
    left = bitrate
    for index, share in enumerate(shares):
        least = share.minimum if share.maximum is None else min(share.minimum, share.maximum)
        given[index] = min(least, left)
        left -= given[index]
    unfilled = set(range(len(shares)))
    # Each round fills at least one share up to its maximum, or is the last.
    while left > 0 and unfilled:
        weight = sum(shares[index].weight for index in unfilled)
        part = left / weight
        filled = set()
        for index in unfilled:
            maximum = shares[index].maximum
            if maximum is not None and given[index] + part * shares[index].weight >= maximum:
                filled.add(index)
        if not filled:
            for index in unfilled:
                given[index] += int(part * shares[index].weight)
            break
        for index in filled:
            maximum = shares[index].maximum
            more = 0 if maximum is None else max(0, maximum - given[index])
            given[index] += min(more, left)
            left -= min(more, left)
        unfilled -= filled
    return tuple(given)
