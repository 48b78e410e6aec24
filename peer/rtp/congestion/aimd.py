"""Owns the rate that the delay allows: grown until the way fills up, then cut (rmcat-gcc 5.5)."""

from __future__ import annotations

import math

from aiortc.rate import BandwidthUsage, RateControlState

#: Of what gets through while the way fills up.
DECREASE = 0.85
#: A second, before the way has ever filled up; libwebrtc probes instead.
STARTUP_GROWTH = 1.5
#: A second, far from where the way filled up before.
GROWTH = 1.08
#: The same when that has gone on for so many seconds: the way is another by now.
LONG_GROWTH = 1.25
LONG_AFTER = 4.0
#: Of what gets through: the rate is never raised further.
HEADROOM = 1.5
HEADROOM_BITS = 10_000
#: Seconds between two decreases, at least and at most; a round trip where that is within.
DECREASE_INTERVAL = (0.2, 1.0)
#: Bits a second: what an additive increase adds a second, at least.
LEAST_ADDITION = 4000.0
#: Seconds that a decrease takes to show, beside the round trip.
RESPONSE = 0.1

_PACKET_BITS = 1200 * 8
_FRAMES_PER_SECOND = 30
_SMOOTHING = 0.05


class LinkCapacityEstimator:
    """Where the way filled up before: the mean and the variation of the rates that got through."""

    def __init__(self) -> None:
        self._mean: float | None = None
        self._variance = 0.4

    @property
    def known(self) -> bool:
        """Whether it filled up lately."""
        return self._mean is not None

    @property
    def bitrate(self) -> float:
        """In bits a second; 0 while not known."""
        return (self._mean or 0.0) * 1000

    def compare(self, bitrate: float) -> int:
        """1 where a rate is clearly above, -1 where it is clearly below, else 0."""
        if self._mean is None:
            return 0
        spread = 3 * math.sqrt(self._variance * self._mean)
        kilobits = bitrate / 1000
        return (kilobits > self._mean + spread) - (kilobits < self._mean - spread)

    def add(self, bitrate: float) -> None:
        """The way filled up at this rate."""
        kilobits = bitrate / 1000
        if self._mean is None:
            self._mean = kilobits
        else:
            self._mean += _SMOOTHING * (kilobits - self._mean)
        deviation = (self._mean - kilobits) ** 2 / max(1.0, self._mean)
        self._variance += _SMOOTHING * (deviation - self._variance)
        self._variance = min(max(0.4, self._variance), 2.5)

    def forget(self) -> None:
        """The way is another."""
        self._mean = None


class AimdRateControl:
    """Multiplicative and additive increase, multiplicative decrease.

    aiortc's `AimdRateControl` is the receiver's, for REMB. A sender knows more: it does not take a
    rate that it did not use for one that does not fit, it does not cut twice within a round trip,
    and it grows quickly as long as the way has never filled up.

    Attributes:
        bitrate: In bits a second.
    """

    def __init__(self, initial: float) -> None:
        self.bitrate = initial
        self._state = RateControlState.HOLD
        self._capacity = LinkCapacityEstimator()
        self._filled_up = False
        self._updated: float | None = None
        self._decreased = float("-inf")
        self._growing_since: float | None = None

    def update(
        self,
        usage: BandwidthUsage,
        acknowledged: float | None,
        sent: float | None,
        round_trip_time: float,
        now: float,
    ) -> float:
        """The rate after feedback.

        Args:
            usage: What the delay shows.
            acknowledged: What gets through, in bits a second; None while that is not known.
            sent: At which rate the same packets were sent.
            round_trip_time: In seconds.
            now: In seconds.
        """
        elapsed = 0.0 if self._updated is None else min(max(0.0, now - self._updated), 1.0)
        self._updated = now
        if acknowledged is None:
            return self.bitrate
        # Section 5.5, table 1: what the state becomes.
        if usage is BandwidthUsage.OVERUSING:
            least, most = DECREASE_INTERVAL
            interval = min(max(least, round_trip_time), most)
            if now - self._decreased >= interval or acknowledged < self.bitrate / 2:
                self._decrease(acknowledged, sent, now)
            self._state = RateControlState.HOLD
            self._growing_since = None
        elif usage is BandwidthUsage.UNDERUSING:
            # The queues drain: what gets through is more than what is sent.
            self._state = RateControlState.HOLD
            self._growing_since = None
        elif self._state is RateControlState.HOLD:
            self._state = RateControlState.INCREASE
        else:
            self._increase(acknowledged, round_trip_time, elapsed, now)
        return self.bitrate

    def _decrease(self, acknowledged: float, sent: float | None, now: float) -> None:
        self._filled_up = True
        self._decreased = now
        if self._capacity.compare(acknowledged) < 0:
            self._capacity.forget()
        through = acknowledged
        if sent is not None and sent < self.bitrate / 2 and acknowledged > 0.9 * sent:
            # Little was sent and all of it got through: that does not say how much would.
            through = max(acknowledged, self.bitrate / 2)
        else:
            self._capacity.add(acknowledged)
        self.bitrate = min(self.bitrate, DECREASE * through)

    def _increase(
        self, acknowledged: float, round_trip_time: float, elapsed: float, now: float
    ) -> None:
        if self._capacity.compare(acknowledged) > 0:
            self._capacity.forget()
        if self._capacity.known:
            self._growing_since = None
            grown = self.bitrate + self._addition(round_trip_time) * elapsed
        else:
            if self._growing_since is None:
                self._growing_since = now
            grown = self.bitrate * self._growth(now - self._growing_since) ** elapsed
        # Section 5.5: no further than 1.5 times what gets through.
        limit = HEADROOM * acknowledged + HEADROOM_BITS
        self.bitrate = max(self.bitrate, min(grown, limit))

    def _growth(self, seconds: float) -> float:
        if not self._filled_up:
            return STARTUP_GROWTH
        return GROWTH if seconds < LONG_AFTER else LONG_GROWTH

    def _addition(self, round_trip_time: float) -> float:
        """Section 5.5: half a packet each response time, in bits a second each second."""
        frame = self.bitrate / _FRAMES_PER_SECOND
        packet = frame / math.ceil(frame / _PACKET_BITS)
        return max(LEAST_ADDITION, 0.5 * packet / (round_trip_time + RESPONSE))
