"""Owns how late the fastest frames of a track are of late, beside how late they usually are."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Seconds in which something comes as fast as it can, and how many frames have to be in them.
_SPAN, _ENOUGH = 0.6, 5
#: Frames that are looked at, at most.
_FRAMES = 64
#: Seconds in which what is new becomes usual.
_ADAPTING = 30.0
#: Seconds for which one track has to be later than others: they do not learn of it at once.
_CERTAIN = 0.25
#: Seconds that are no more than chance.
_CHANCE = 0.02


@dataclass(slots=True)
class DelayGrowthDetector:
    """Of one track.

    Attributes:
        stalled: For how long the capture of sound stood still without its clock knowing of it.
        growth: By how much its fastest frames come later than usual, in seconds; 0 where there
            are too few to say.
    """

    growth: float = 0.0
    stalled: float = field(default=0.0, init=False)
    _found: deque[tuple[float, float]] = field(
        default_factory=lambda: deque(maxlen=_FRAMES), init=False
    )
    _recent: deque[tuple[float, float]] = field(
        default_factory=lambda: deque(maxlen=_FRAMES), init=False
    )
    _usual: float = field(default=float("inf"), init=False)

    def observe(self, arrival: float, late: float) -> None:
        """A frame arrived, so long after it was captured as its clock has it, both in seconds."""
        passed = arrival - self._recent[-1][0] if self._recent else 0.0
        self._recent.append((arrival, late))
        while self._recent[0][0] < arrival - _SPAN:
            self._recent.popleft()
        if len(self._recent) < _ENOUGH:
            self.growth = 0.0
            return
        least = min(late for _, late in self._recent)
        part = min(1.0, max(0.0, passed) / _ADAPTING)
        self._usual = min(least, self._usual + part * (least - self._usual))
        self.growth = least - self._usual

    def restart(self) -> None:
        """Its clock is another from now on, or knows better."""
        self._recent.clear()
        self._found.clear()
        self._usual = float("inf")
        self.growth = self.stalled = 0.0

    def compare(self, pictures: Iterable[DelayGrowthDetector]) -> None:
        """Tell a clock that stood still from a slow way.

        A clock that counts samples of sound stands while a busy sender loses some, and what it
        stamps is later than it says from then on, until its next report. On a slow way the pictures
        of the same sender are late as well; where there are none, nothing can be said.
        """
        now = self._recent[-1][0]
        found = self.growth - max((each.growth for each in pictures), default=self.growth)
        self._found.append((now, found))
        while self._found[0][0] < now - _CERTAIN:
            self._found.popleft()
        least = min(found for _, found in self._found)
        lasting = now - self._found[0][0] >= _CERTAIN / 2
        self.stalled = least if lasting and least > _CHANCE else 0.0
