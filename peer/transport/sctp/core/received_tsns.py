"""TSNs that have come from the peer, and what a SACK says of them (RFC 9260 section 6.2). PURE."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from peer.transport.sctp.core.chunks import TSN_MODULO

if TYPE_CHECKING:
    from collections.abc import Iterator

_MASK = TSN_MODULO - 1
_HALF = TSN_MODULO // 2


class ReceivedTsns:
    """TSNs that have come: all up to the cumulative one, and runs of them beyond.

    Args:
        initial: TSN of the peer's first DATA.
        duplicates: How many TSNs are kept that came again, until a SACK tells of them.

    Attributes:
        cumulative: TSN up to which all have come.
        duplicates: TSNs that came again.
    """

    def __init__(self, *, initial: int, duplicates: int) -> None:
        self.cumulative = (initial - 1) & _MASK
        self.duplicates: list[int] = []
        self._most_duplicates = duplicates
        # First and last TSNs of the runs. They count on from the first cumulative TSN without an
        # end, so that they can be compared: `_base` is the cumulative one.
        self._base = 0
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    @property
    def has_gaps(self) -> bool:
        """True where TSNs are missing before some that have come."""
        return bool(self._firsts)

    def ahead(self, tsn: int) -> int:
        """Return how far a TSN is beyond the cumulative one; 0 where it is not."""
        ahead = (tsn - self.cumulative) & _MASK
        return ahead if ahead < _HALF else 0

    def add(self, tsn: int) -> bool:
        """Note that a TSN has come; return False where it has come before."""
        ahead = (tsn - self.cumulative) & _MASK
        if ahead == 1 and not self._firsts:
            self.cumulative = tsn
            self._base += 1
            return True
        if not 0 < ahead < _HALF or not self._insert(self._base + ahead):
            if len(self.duplicates) < self._most_duplicates:
                self.duplicates.append(tsn)
            return False
        if ahead == 1:
            self._advance(self._base + 1)
        return True

    def skip_to(self, tsn: int) -> list[int]:
        """Take all up to a later TSN as received; return those among them that had come."""
        target = self._base + self.ahead(tsn)
        passed: list[int] = []
        offset = self.cumulative - self._base
        for first, last in zip(self._firsts, self._lasts, strict=True):
            if first > target:
                break
            passed += ((offset + each) & _MASK for each in range(first, min(last, target) + 1))
        self._advance(target)
        return passed

    def gaps(self, most: int) -> list[tuple[int, int]]:
        """List first and last offsets from the cumulative TSN of the first runs beyond it."""
        base = self._base
        return [
            (first - base, last - base)
            for first, last in zip(self._firsts[:most], self._lasts, strict=False)
            if last - base < 2**16
        ]

    def _insert(self, position: int) -> bool:
        firsts, lasts = self._firsts, self._lasts
        index = bisect_right(firsts, position)
        if index and position <= lasts[index - 1]:
            return False
        joins_before = index > 0 and lasts[index - 1] == position - 1
        joins_after = index < len(firsts) and firsts[index] == position + 1
        if joins_before and joins_after:
            lasts[index - 1] = lasts.pop(index)
            del firsts[index]
        elif joins_before:
            lasts[index - 1] = position
        elif joins_after:
            firsts[index] = position
        else:
            firsts.insert(index, position)
            lasts.insert(index, position)
        return True

    def _advance(self, target: int) -> None:
        index = bisect_right(self._firsts, target + 1)
        if index:
            target = max(target, self._lasts[index - 1])
            del self._firsts[:index], self._lasts[:index]
        self.cumulative = (self.cumulative + target - self._base) & _MASK
        self._base = target

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Iterate over the runs beyond the cumulative TSN, as offsets from it."""
        return iter(self.gaps(len(self._firsts)))
