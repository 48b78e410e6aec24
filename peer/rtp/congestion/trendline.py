"""Owns whether the way to the peer fills up: the trend of the delay (draft-ietf-rmcat-gcc 5.2)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from aiortc.rate import BandwidthUsage, OveruseDetector

#: Milliseconds: packets sent within them are one group, as a pacer's burst is.
GROUP_MS = 5.0
#: Milliseconds: what arrives so soon after the packet before was held up together with it.
BURST_MS = 5.0
BURST_LIMIT_MS = 100.0
#: Groups that the trend is of.
WINDOW = 20
#: Of the delay before, in the smoothed one.
SMOOTHING = 0.9
#: Makes the slope of a line what the detector's thresholds are of.
GAIN = 4.0
#: Milliseconds: beyond, the peer's clock was set or the way to it is another.
JUMP_MS = 3000.0

_COUNT_LIMIT = 1000


class TrendlineEstimator:
    """Compares how far apart groups of packets were sent with how far apart they arrived.

    The slope of a line through the latest delays, as in libwebrtc, rather than the Kalman filter
    of the draft (and of aiortc): that assumes a noise it has to learn first, and takes longer to
    see that a queue drains. The adaptive threshold is aiortc's.
    """

    def __init__(self) -> None:
        self._detector = OveruseDetector()
        self._restart()

    def _restart(self) -> None:
        # Of the group before and of the present one: last sent and last arrived, in ms.
        self._former: tuple[float, float] | None = None
        self._begun: tuple[float, float] | None = None
        self._sent = 0.0
        self._arrived = 0.0
        self._points: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self._origin: float | None = None
        self._delay = 0.0
        self._smoothed = 0.0
        self._count = 0

    @property
    def usage(self) -> BandwidthUsage:
        """What the last packets showed."""
        return self._detector.state()

    def update(self, packets: Iterable[tuple[float, float, int]]) -> BandwidthUsage:
        """Take packets in the order they were sent: when that was, when they arrived (seconds)."""
        for sent_seconds, arrived_seconds, _ in packets:
            sent = sent_seconds * 1000
            arrived = arrived_seconds * 1000
            begun = self._begun
            if begun is not None:
                if sent < begun[0]:
                    continue
                since = arrived - self._arrived
                if sent - begun[0] <= GROUP_MS or (
                    since <= BURST_MS
                    and since < sent - self._sent
                    and arrived - begun[1] < BURST_LIMIT_MS
                ):
                    self._sent = max(self._sent, sent)
                    self._arrived = max(self._arrived, arrived)
                    continue
                self._end_group()
            self._begun = (sent, arrived)
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
        self._count = min(self._count + 1, _COUNT_LIMIT)
        self._delay += delay
        self._smoothed = SMOOTHING * self._smoothed + (1 - SMOOTHING) * self._delay
        if self._origin is None:
            self._origin = self._arrived
        self._points.append((self._arrived - self._origin, self._smoothed))
        slope = _slope(self._points) if len(self._points) == WINDOW else 0.0
        self._detector.detect(slope * GAIN, sent, self._count, int(self._arrived))


def _slope(points: Iterable[tuple[float, float]]) -> float:
    """Of the line with the least squares; 0 where there is none."""
    times, delays = zip(*points, strict=True)
    count = len(times)
    time_mean = sum(times) / count
    delay_mean = sum(delays) / count
    above = below = 0.0
    for time, delay in zip(times, delays, strict=True):
        offset = time - time_mean
        above += offset * (delay - delay_mean)
        below += offset * offset
    return above / below if below else 0.0
