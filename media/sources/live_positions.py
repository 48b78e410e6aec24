"""Positions of a live stream's packets on one line, also where its times jump. PURE."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp_parameters import MediaKind

#: Seconds that a stream's decoding time may jump back (by rounding) or ahead (where nothing was
#: sent) and still go on as it says (ours).
_BACK, _AHEAD = Fraction(1, 20), Fraction(10)


class LivePositions:
    """Places the times of one opening on the line of the source, jumps of the stream left out.

    Args:
        start: Position of the first packet.
    """

    def __init__(self, start: Fraction) -> None:
        self._start = start
        self._newest = start
        self._shift: Fraction | None = None
        # Each kind jumps by itself, the later one to where the other is already.
        self._shifts: dict[MediaKind, Fraction] = {}
        self._last: dict[MediaKind, Fraction] = {}

    def shift(self, kind: MediaKind, time: Fraction) -> Fraction:
        """Return what makes a position of a time, by a packet's decoding time."""
        if self._shift is None:
            self._shift = self._start - time
        shift = self._shifts.get(kind, self._shift)
        last = self._last.get(kind, self._newest)
        if not self._fits(time + shift, last):
            if not self._fits(time + self._shift, last):
                self._shift = self._newest - time
            shift = self._shift
        self._shifts[kind] = shift
        self._last[kind] = time + shift
        self._newest = max(self._newest, time + shift)
        return shift

    @staticmethod
    def _fits(position: Fraction, last: Fraction) -> bool:
        return -_BACK <= position - last <= _AHEAD
