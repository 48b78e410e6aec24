"""Estimates the interval between video frames from the times that a track gives. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from peer.times import Seconds

#: Longest interval in seconds (ours): to an encoder a pause must not look like a budget that it may
#: spend on one frame.
LONGEST = 0.2
#: Shortest interval in seconds (ours).
SHORTEST = 0.004
#: Interval in seconds where times do not rise (ours).
USUAL = 1 / 30
#: Weight of a new interval in the mean (ours).
WEIGHT = 1 / 16


class FrameIntervalEstimator:
    """Measures the intervals of video frames and their mean.

    Args:
        usual: Mean interval in seconds before frames were seen.

    Attributes:
        mean: Mean interval in seconds.
    """

    def __init__(self, usual: Seconds = USUAL) -> None:
        self._last: Fraction | None = None
        self.mean: Seconds = min(max(usual, SHORTEST), LONGEST)

    def advance(self, time: Fraction | None) -> Seconds:
        """Return the interval before a frame in seconds, within bounds.

        Args:
            time: Time of the frame in seconds; None where the track gives none.
        """
        last, self._last = self._last, time
        if last is None or time is None or time <= last:
            return USUAL
        interval = min(max(float(time - last), SHORTEST), LONGEST)
        self.mean += (interval - self.mean) * WEIGHT
        return interval
