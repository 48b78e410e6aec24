"""Derives the delay-based rate: additive or multiplicative increase, and decrease. PURE."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aiortc.rate import BandwidthUsage, RateControlState

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds

#: Beta: on overuse, new rate = 0.85 x acknowledged bitrate (draft-ietf-rmcat-gcc-02 section 5.5).
BETA = 0.85
#: Factor of growth per second before the first overuse (ours; libwebrtc probes instead).
STARTUP_GROWTH = 1.5
#: Eta: factor of growth per second far from the link capacity (draft-ietf-rmcat-gcc-02 section
#: 5.5: 1.08).
GROWTH = 1.08
#: Factor of growth per second after `LONG_AFTER` seconds of growth: the path is another (ours).
LONG_GROWTH = 1.25
#: Seconds of growth after which `LONG_GROWTH` replaces `GROWTH` (ours).
LONG_AFTER = 4.0
#: The rate rises no further than 1.5 x acknowledged bitrate (section 5.5) ...
HEADROOM = 1.5
#: ... plus so many bits/s (libwebrtc: 10 kbit/s).
HEADROOM_BITS = 10_000
#: Seconds between two decreases: the round trip, within these bounds (ours; libwebrtc: 0.01 to
#: 0.2).
DECREASE_INTERVAL = (0.2, 1.0)
#: Least additive increase, in bits/s per second (libwebrtc: 4000; section 5.5: 1000).
MIN_ADDITION = 4000.0
#: Response time = 0.1 s + round trip (section 5.5).
RESPONSE = 0.1

#: Expected packet size in bits (section 5.5).
_PACKET_BITS = 1200 * 8
#: Expected frame rate (section 5.5).
_FRAMES_PER_SECOND = 30
#: Weight of a new sample in the mean and variance of the capacity (libwebrtc: 0.05).
_SMOOTHING = 0.05
#: Bounds of the normalised variance of the capacity, in kbit/s (libwebrtc: 0.4 and 2.5).
_MIN_VARIANCE, _MAX_VARIANCE = 0.4, 2.5
#: Standard deviations from the mean within which a rate counts as near capacity (section 5.5: 3).
_DEVIATIONS = 3


class LinkCapacityEstimator:
    """Estimates the link capacity as mean and variance of the acknowledged bitrate at overuse."""

    def __init__(self) -> None:
        self._mean: float | None = None
        self._variance = _MIN_VARIANCE

    @property
    def has_estimate(self) -> bool:
        """True once overuse was seen since the last `reset`."""
        return self._mean is not None

    def compare(self, bitrate: float) -> int:
        """Return 1 for a bitrate clearly above capacity, -1 for clearly below, else 0.

        Args:
            bitrate: In bits/s.
        """
        if self._mean is None:
            return 0
        spread = _DEVIATIONS * math.sqrt(self._variance * self._mean)
        kilobits = bitrate / 1000
        return (kilobits > self._mean + spread) - (kilobits < self._mean - spread)

    def on_overuse(self, bitrate: float) -> None:
        """Add the acknowledged bitrate, in bits/s, that was measured during overuse."""
        kilobits = bitrate / 1000
        if self._mean is None:
            self._mean = kilobits
        else:
            self._mean += _SMOOTHING * (kilobits - self._mean)
        deviation = (self._mean - kilobits) ** 2 / max(1.0, self._mean)
        self._variance += _SMOOTHING * (deviation - self._variance)
        self._variance = min(max(_MIN_VARIANCE, self._variance), _MAX_VARIANCE)

    def reset(self) -> None:
        """Discard the estimate, because the capacity of the path has changed."""
        self._mean = None


class AimdRateControl:
    """Derives the delay-based rate from the state of the path and the acknowledged bitrate.

    aiortc's class of this name is the receiver's, for REMB. A sender knows more: it does not take
    a rate that it did not use for one that does not fit, it does not decrease twice within a round
    trip, and it grows quickly until the first overuse.

    Attributes:
        bitrate: Delay-based rate in bits/s.
    """

    def __init__(self, initial: float) -> None:
        self.bitrate = initial
        self._state = RateControlState.HOLD
        self._capacity = LinkCapacityEstimator()
        self._has_overused = False
        self._updated: MonotonicTime | None = None
        self._decreased: MonotonicTime = float("-inf")
        self._growing_since: MonotonicTime | None = None

    def update(
        self,
        usage: BandwidthUsage,
        *,
        acknowledged: float | None,
        sent: float | None,
        round_trip_time: Seconds,
        now: MonotonicTime,
    ) -> float:
        """Update the rate after feedback, and return it in bits/s.

        Args:
            usage: State of the path, as the delay shows it.
            acknowledged: Acknowledged bitrate in bits/s; None while not known.
            sent: Bitrate in bits/s at which the same packets were sent.
            round_trip_time: In seconds.
            now: Time of the feedback.
        """
        elapsed = 0.0 if self._updated is None else min(max(0.0, now - self._updated), 1.0)
        self._updated = now
        if acknowledged is None:
            return self.bitrate
        # Section 5.5, table 1: transitions between increase, decrease and hold.
        if usage is BandwidthUsage.OVERUSING:
            least, most = DECREASE_INTERVAL
            interval = min(max(least, round_trip_time), most)
            if now - self._decreased >= interval or acknowledged < self.bitrate / 2:
                self._decrease(acknowledged=acknowledged, sent=sent, now=now)
            self._state = RateControlState.HOLD
            self._growing_since = None
        elif usage is BandwidthUsage.UNDERUSING:
            # Queues drain: more arrives than is sent.
            self._state = RateControlState.HOLD
            self._growing_since = None
        elif self._state is RateControlState.HOLD:
            self._state = RateControlState.INCREASE
        else:
            self._increase(
                acknowledged=acknowledged,
                round_trip_time=round_trip_time,
                elapsed=elapsed,
                now=now,
            )
        return self.bitrate

    def _decrease(self, *, acknowledged: float, sent: float | None, now: MonotonicTime) -> None:
        self._has_overused = True
        self._decreased = now
        if self._capacity.compare(acknowledged) < 0:
            self._capacity.reset()
        throughput = acknowledged
        if sent is not None and sent < self.bitrate / 2 and acknowledged > 0.9 * sent:
            # Little was sent and all of it arrived: that does not say how much would.
            throughput = max(acknowledged, self.bitrate / 2)
        else:
            self._capacity.on_overuse(acknowledged)
        self.bitrate = min(self.bitrate, BETA * throughput)

    def _increase(
        self,
        *,
        acknowledged: float,
        round_trip_time: Seconds,
        elapsed: Seconds,
        now: MonotonicTime,
    ) -> None:
        if self._capacity.compare(acknowledged) > 0:
            self._capacity.reset()
        if self._capacity.has_estimate:
            self._growing_since = None
            grown = self.bitrate + self._addition(round_trip_time) * elapsed
        else:
            if self._growing_since is None:
                self._growing_since = now
            grown = self.bitrate * self._growth(now - self._growing_since) ** elapsed
        limit = HEADROOM * acknowledged + HEADROOM_BITS
        self.bitrate = max(self.bitrate, min(grown, limit))

    def _growth(self, growing_for: Seconds) -> float:
        if not self._has_overused:
            return STARTUP_GROWTH
        return GROWTH if growing_for < LONG_AFTER else LONG_GROWTH

    def _addition(self, round_trip_time: Seconds) -> float:
        """Return the additive increase: half a packet each response time, in bits/s per second."""
        frame = self.bitrate / _FRAMES_PER_SECOND
        packet = frame / math.ceil(frame / _PACKET_BITS)
        return max(MIN_ADDITION, 0.5 * packet / (round_trip_time + RESPONSE))
