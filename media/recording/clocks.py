"""Relation of a sender's clock to our monotonic clock, by the arrival of frames. PURE."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds, UnixTime

#: Seconds of each of the two windows whose least delay is taken for the network's (ours).
_SPAN = 30.0
#: Drift of a relation in use, as part of the time that passes (ours).
_SLEW = 0.001


@dataclass(slots=True)
class Clock:
    """Relation of another clock to ours, as if its fastest frame had no network delay.

    The relation follows the other clock's rate slowly, for all tracks stamped by it alike, so that
    tracks in sync stay in sync.

    Args:
        relation: Seconds to add to a time of the other clock to get our time.
        is_used: True once frames were placed by this clock, which must not leap from then on.
    """

    relation: float
    is_used: bool = False
    _since: MonotonicTime = field(default=float("-inf"), init=False)
    _moved: MonotonicTime = field(default=float("-inf"), init=False)
    _least: Seconds = field(default=float("inf"), init=False)
    _former: Seconds = field(default=float("inf"), init=False)

    def observe(self, time: float, arrival: MonotonicTime) -> None:
        """Learn from the arrival of a frame of a time of the other clock, in seconds."""
        if arrival - self._since >= _SPAN:
            self._former, self._least = self._least, float("inf")
            self._since = arrival
        self._least = min(self._least, arrival - time)
        target = min(self._least, self._former)
        if not self.is_used:
            self.relation = target
        else:
            most = _SLEW * max(0.0, arrival - self._moved)
            self.relation += max(-most, min(target - self.relation, most))
        self._moved = max(self._moved, arrival)


class SenderClocks:
    """Clocks of one sender; several only after its wall clock was set or an RTP clock leapt."""

    #: Most clocks of a sender; one with more of them is hostile (ours).
    LIMIT = 8

    def __init__(self) -> None:
        self._clocks: list[Clock] = []

    def nearest(
        self, wall_clock: UnixTime, *, expected: MonotonicTime, tolerance: Seconds
    ) -> Clock:
        """Return the clock that maps a wall-clock time nearest to an expected time, or a new one.

        Args:
            wall_clock: Capture time of a frame by the sender's wall clock.
            expected: Capture time by our clock, as the frame's arrival has it.
            tolerance: Seconds of difference beyond which a new clock is made.
        """
        nearest = min(
            self._clocks, key=lambda c: abs(c.relation + wall_clock - expected), default=None
        )
        if nearest is not None and abs(nearest.relation + wall_clock - expected) <= tolerance:
            return nearest
        clock = Clock(expected - wall_clock)
        self._clocks.append(clock)
        del self._clocks[: -self.LIMIT]
        return clock
