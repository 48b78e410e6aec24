"""Decoding times of pictures that come in another order than they are shown in. PURE."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import Generic, TypeVar

#: Most pictures that come before one that is shown earlier (ITU-T H.264 section E.2.1, ITU-T H.265
#: section A.4.2).
DEPTH_LIMIT = 16
#: Seconds back beyond which a time is no B-frame's, but that of a clock that was set (ours).
_LEAP = 1
#: Pictures for which the depth that a parameter set allows is believed, before any is out of order
#: (ours).
_TRIAL = 16

TimeT = TypeVar("TimeT", float, Fraction)


class DecodeOrder(Generic[TimeT]):
    """Finds out how far pictures are reordered, and the times at which they are decoded.

    A B-frame comes behind a picture that is shown later. Decoding times are the times of showing in
    the order of coming, some pictures earlier: they rise as evenly.
    """

    __slots__ = ("_allowed", "_count", "_latest", "_observed", "_recent")

    def __init__(self) -> None:
        self._allowed = 0
        self._observed = 0
        self._count = 0
        self._latest: TimeT | None = None
        self._recent: deque[TimeT] = deque(maxlen=2 * DEPTH_LIMIT)

    def __repr__(self) -> str:
        return f"<DecodeOrder depth={self.depth}>"

    @property
    def depth(self) -> int:
        """Most pictures, as far as is known, that come before one that is shown earlier."""
        return self._observed if self._count >= _TRIAL else max(self._observed, self._allowed)

    def allow(self, depth: int) -> None:
        """Expect pictures that are reordered so far, as the first parameter set says.

        Many say more than they do: where no picture comes out of order soon, none is expected.
        """
        if self._count == 0:
            self._allowed = min(depth, DEPTH_LIMIT)

    def add(self, time: TimeT) -> None:
        """Take the time, in seconds, at which the next picture is shown."""
        self._count += 1
        latest = self._latest
        if latest is None or time > latest:
            self._latest = time
        else:
            later = sum(1 for each in self._recent if each > time)
            if latest - time > _LEAP or later > DEPTH_LIMIT:
                self._recent.clear()
                self._latest = time
            else:
                self._observed = max(self._observed, later)
        self._recent.append(time)

    def decoded(self) -> TimeT:
        """The time at which the picture that was added last is decoded.

        It is the time of showing of the picture `depth` places before it in the order of showing,
        so that no picture is decoded after it is shown; for the first ones it is the least.
        """
        depth = self.depth
        return min(sorted(self._recent)[-depth - 1 :]) if depth else self._recent[-1]
