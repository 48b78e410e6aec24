"""Owns how a clock that frames are stamped with is related to our own, by when they arrive."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Seconds: what came within them, and within as many before, says how fast the way can be.
_SPAN = 30.0
#: Of the time that passes: how fast a relation follows a clock that runs at another rate.
_SLEW = 0.001


@dataclass(slots=True)
class Clock:
    """A clock, and ours as seen from it: as if its fastest frame had taken no time.

    It follows the other clock's rate slowly, for all tracks of it alike, so that what is in sync
    by it stays so.

    Attributes:
        relation: What to add to its time to have ours, in seconds.
        settled: Whether something was placed by it, so that it must not leap any more.
    """

    relation: float
    settled: bool = False
    _since: float = field(default=float("-inf"), init=False)
    _moved: float = field(default=float("-inf"), init=False)
    _least: float = field(default=float("inf"), init=False)
    _former: float = field(default=float("inf"), init=False)

    def observe(self, time: float, arrival: float) -> None:
        """A frame of that time arrived."""
        if arrival - self._since >= _SPAN:
            self._former, self._least = self._least, float("inf")
            self._since = arrival
        self._least = min(self._least, arrival - time)
        target = min(self._least, self._former)
        if not self.settled:
            self.relation = target
        else:
            most = _SLEW * max(0.0, arrival - self._moved)
            self.relation += max(-most, min(target - self.relation, most))
        self._moved = max(self._moved, arrival)


class SenderClocks:
    """The clocks of one sender: more than one only where it was set, or an RTP clock leapt."""

    #: More are of somebody who plays with us.
    LIMIT = 8

    def __init__(self) -> None:
        self._clocks: list[Clock] = []

    def fitting(self, wall: float, expected: float, tolerance: float) -> Clock:
        """The one by which `wall` is nearest to `expected`, of ours; a new one where none is near.

        Args:
            wall: Of a frame, in seconds.
            expected: When it was captured, in seconds of our clock, as its arrival has it.
            tolerance: In seconds.
        """
        nearest = min(self._clocks, key=lambda c: abs(c.relation + wall - expected), default=None)
        if nearest is not None and abs(nearest.relation + wall - expected) <= tolerance:
            return nearest
        clock = Clock(expected - wall)
        self._clocks.append(clock)
        del self._clocks[: -self.LIMIT]
        return clock
