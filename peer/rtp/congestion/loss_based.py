"""Loss-based rate control (draft-ietf-rmcat-gcc-02 section 6). PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds

#: Below 2% of packets lost, the rate grows (draft-ietf-rmcat-gcc-02 section 6).
LOW_LOSS = 0.02
#: Above 10% of packets lost, new rate = rate x (1 - 0.5 x loss) (section 6).
HIGH_LOSS = 0.1
#: Factor of growth per second at low loss (libwebrtc: 1.08; section 6: 1.05) ...
GROWTH_PER_SECOND = 1.08
#: ... plus so many bits/s per second (libwebrtc: 1000).
ADDITION_PER_SECOND = 1000
#: Seconds between two reductions, beside the round trip (libwebrtc: 0.3).
REDUCTION_INTERVAL = 0.3
#: Heavy loss that is not less at half the rate is not caused by the rate (ours): the part of the
#: first rate below which the rate is then not reduced ...
EPISODE_FLOOR = 0.5
#: ... the part of the first loss from which on loss counts as not less ...
EPISODE_RELIEF = 0.75
#: ... and the weight of the previous value in the smoothed loss (all ours).
EPISODE_SMOOTHING = 0.7
#: Seconds that loss is measured over (ours).
WINDOW = 1.0
#: Seconds after which a window ends with fewer packets than `WINDOW_PACKETS` (ours).
WINDOW_LIMIT = 2.0
#: Packets that say enough about loss (ours).
WINDOW_PACKETS = 100
#: Part of the packets lost that ends a window early (ours) ...
HEAVY_LOSS = 0.2
#: ... where at least so many packets are lost ...
HEAVY_PACKETS = 20
#: ... and so many seconds have passed (all ours).
HEAVY_WINDOW = 0.3


class LossWindow:
    """Gathers reports of loss until the packets are enough for a fraction lost."""

    def __init__(self) -> None:
        self._since: MonotonicTime | None = None
        self._expected = 0
        self._lost = 0

    def add(self, *, expected: int, lost: int, now: MonotonicTime) -> float | None:
        """Add a report, and return the fraction lost, 0 to 1, when a window ends; else None.

        Args:
            expected: Packets reported for the first time; below zero is ignored.
            lost: Packets that turned out lost, of these and of earlier ones; below zero where
                earlier ones arrived after all.
            now: Time of the report.
        """
        if self._since is None:
            self._since = now
        self._expected += max(0, expected)
        self._lost += lost
        passed = now - self._since
        if not self._expected or not (self._is_long_enough(passed) or self._is_heavy(passed)):
            return None
        fraction = min(1.0, max(0.0, self._lost / self._expected))
        self._since = now
        self._expected = 0
        # Packets that came late after all make up for losses to come.
        self._lost = min(0, self._lost)
        return fraction

    def _is_long_enough(self, passed: Seconds) -> bool:
        return passed >= (WINDOW if self._expected >= WINDOW_PACKETS else WINDOW_LIMIT)

    def _is_heavy(self, passed: Seconds) -> bool:
        least = max(HEAVY_PACKETS, HEAVY_LOSS * self._expected)
        return passed >= HEAVY_WINDOW and self._lost >= least


class _LossEpisode:
    """Measures whether heavy loss without a break becomes less as the rate is reduced.

    A radio link loses the same part of few packets as of many. GCC's rule alone would go down to
    nothing there, and lose as much.

    Args:
        fraction: Fraction lost when the episode began.
        bitrate: Rate in bits/s when the episode began.
    """

    def __init__(self, *, fraction: float, bitrate: float) -> None:
        self._first = self._recent = fraction
        self._bitrate = bitrate

    def add(self, fraction: float) -> None:
        self._recent = EPISODE_SMOOTHING * self._recent + (1 - EPISODE_SMOOTHING) * fraction

    @property
    def floor(self) -> float:
        """The rate in bits/s below which a reduction is of no use; 0 while reductions help."""
        if self._recent >= EPISODE_RELIEF * self._first:
            return EPISODE_FLOOR * self._bitrate
        return 0.0


class LossBasedController:
    """Derives the rate that packet loss allows.

    Attributes:
        bitrate: Loss-based rate in bits/s.
        limited: Whether loss limits the target: until `bitrate` has grown back to the ceiling.
    """

    def __init__(self, initial: float) -> None:
        self.bitrate = initial
        self.limited = False
        self._updated: MonotonicTime | None = None
        self._reduced: MonotonicTime = float("-inf")
        self._episode: _LossEpisode | None = None

    def update(
        self,
        fraction: float,
        *,
        target: float,
        ceiling: float,
        round_trip_time: Seconds,
        now: MonotonicTime,
    ) -> None:
        """Update the rate after a window of packets.

        Args:
            fraction: Fraction lost, 0 to 1.
            target: Target bitrate of the transport during the window, in bits/s.
            ceiling: Bitrate that all other estimates allow, in bits/s.
            round_trip_time: In seconds.
            now: Time of the end of the window.
        """
        elapsed = 0.0 if self._updated is None else max(0.0, now - self._updated)
        elapsed = min(elapsed, WINDOW_LIMIT)
        self._updated = now
        if fraction > HIGH_LOSS:
            if now - self._reduced >= REDUCTION_INTERVAL + round_trip_time:
                self._reduced = now
                # While loss limits nothing, the loss-based rate may be far below the delay-based
                # one in use.
                self._reduce(
                    fraction=fraction,
                    bitrate=min(self.bitrate, target) if self.limited else target,
                )
                self.limited = True
        elif fraction < LOW_LOSS:
            self._episode = None
            self.bitrate = self.bitrate * GROWTH_PER_SECOND**elapsed + ADDITION_PER_SECOND * elapsed
        if self.bitrate >= ceiling:
            self.bitrate = ceiling
            self.limited = False

    def _reduce(self, *, fraction: float, bitrate: float) -> None:
        if self._episode is None:
            self._episode = _LossEpisode(fraction=fraction, bitrate=bitrate)
        self._episode.add(fraction)
        reduced = bitrate * (1 - 0.5 * fraction)
        self.bitrate = max(reduced, min(bitrate, self._episode.floor))
