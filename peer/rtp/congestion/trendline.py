"""Detects overuse of the path to the peer from the trend of one-way delay. PURE."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from aiortc.rate import BandwidthUsage, OveruseDetector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.rtp.congestion.feedback_adapter import AckedPacket

#: burst_time: packets sent within so many ms are one group (draft-ietf-rmcat-gcc-02 5.2: 5 ms).
GROUP_MS = 5.0
#: A packet that arrives within so many ms of the one before, and faster than it was sent, joins
#: its group (libwebrtc: kBurstDeltaThreshold, 5 ms).
BURST_MS = 5.0
#: Longest burst of arrivals in ms (libwebrtc: kMaxBurstDuration, 100 ms).
BURST_LIMIT_MS = 100.0
#: Packet groups in the linear regression (libwebrtc: 20).
WINDOW = 20
#: Weight of the previous value in the smoothing of accumulated delay (libwebrtc: 0.9).
SMOOTHING = 0.9
#: Factor of the slope before it is compared with the detector's threshold (libwebrtc: 4).
GAIN = 4.0
#: A change of delay of more ms than this restarts the estimate: the peer's clock was set, or the
#: path is another (libwebrtc: kArrivalTimeOffsetThreshold, 3 s).
JUMP_MS = 3000.0

#: Largest count of group deltas given to the detector (libwebrtc: kDeltaCounterMax, 1000).
_MAX_DELTAS = 1000


class TrendlineEstimator:
    """Estimates the trend of one-way delay, and says whether the path is overused.

    The slope of a regression line through the smoothed delays of the latest groups, as in
    libwebrtc, instead of the draft's Kalman filter (and aiortc's), which has to learn a noise
    first and takes longer to see that a queue drains. The adaptive threshold (section 5.4) is
    aiortc's.
    """

    def __init__(self) -> None:
        self._detector = OveruseDetector()
        self._restart()

    def _restart(self) -> None:
        # Last sent and last arrived, in ms, of the group before and of the present one.
        self._former: tuple[float, float] | None = None
        self._group_start: tuple[float, float] | None = None
        self._sent = 0.0
        self._arrived = 0.0
        self._points: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self._origin: float | None = None
        self._delay = 0.0
        self._smoothed = 0.0
        self._deltas = 0

    def update(self, packets: Iterable[AckedPacket]) -> BandwidthUsage:
        """Add packets that arrived, in the order of sending, and return the state of the path."""
        for sent_seconds, arrived_seconds, _ in packets:
            sent = sent_seconds * 1000
            arrived = arrived_seconds * 1000
            start = self._group_start
            if start is not None:
                if sent < start[0]:
                    continue
                since = arrived - self._arrived
                if sent - start[0] <= GROUP_MS or (
                    since <= BURST_MS
                    and since < sent - self._sent
                    and arrived - start[1] < BURST_LIMIT_MS
                ):
                    self._sent = max(self._sent, sent)
                    self._arrived = max(self._arrived, arrived)
                    continue
                self._end_group()
            self._group_start = (sent, arrived)
            self._sent = sent
            self._arrived = arrived
        return self._detector.state()

    def _end_group(self) -> None:
        former = self._former
        self._former = (self._sent, self._arrived)
        if former is None:
            return
        sent = self._sent - former[0]
        delay = self._arrived - former[1] - sent
        if abs(delay) > JUMP_MS:
            self._restart()
            return
        self._deltas = min(self._deltas + 1, _MAX_DELTAS)
        self._delay += delay
        self._smoothed = SMOOTHING * self._smoothed + (1 - SMOOTHING) * self._delay
        if self._origin is None:
            self._origin = self._arrived
        self._points.append((self._arrived - self._origin, self._smoothed))
        slope = _slope(self._points) if len(self._points) == WINDOW else 0.0
        self._detector.detect(slope * GAIN, sent, self._deltas, int(self._arrived))


def _slope(points: Iterable[tuple[float, float]]) -> float:
    """Return the slope of the least-squares line; 0 where all points have one time."""
    times, delays = zip(*points, strict=True)
    count = len(times)
    time_mean = sum(times) / count
    delay_mean = sum(delays) / count
    numerator = denominator = 0.0
    for time, delay in zip(times, delays, strict=True):
        offset = time - time_mean
        numerator += offset * (delay - delay_mean)
        denominator += offset * offset
    return numerator / denominator if denominator else 0.0
