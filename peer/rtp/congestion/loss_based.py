"""Owns the part of packets that is lost, and what the rate makes of it (draft-ietf-rmcat-gcc 6)."""

from __future__ import annotations

#: Below, there is room for more.
LOW = 0.02
#: Above, there is too much already.
HIGH = 0.1
GROWTH_PER_SECOND = 1.08
#: Seconds, to which the round trip is added, between two reductions.
REDUCTION_INTERVAL = 0.3
#: A spell of losses that is as heavy at half the rate as before is not made by the rate.
SPELL_PART = 0.5
SPELL_RELIEF = 0.75
SPELL_MEMORY = 0.7
#: Seconds and packets that loss is measured over; few packets say little.
WINDOW = 1.0
WINDOW_LIMIT = 2.0
WINDOW_PACKETS = 100
#: Unless so much is lost that it says enough: of the packets, how many of them, after which time.
HEAVY = 0.2
HEAVY_PACKETS = 20
HEAVY_WINDOW = 0.3


class LossWindow:
    """Gathers packets until they say how many of a hundred are lost."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._expected = 0
        self._lost = 0

    def add(self, expected: int, lost: int, now: float) -> float | None:
        """The part lost, 0 to 1, when a window ends; else None.

        Args:
            expected: Packets told of for the first time; below zero is ignored.
            lost: Those of them, and of before, that turned out lost; below zero for the contrary.
            now: In seconds.
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
        # What came late after all makes up for losses to come.
        self._lost = min(0, self._lost)
        return fraction

    def _is_long_enough(self, passed: float) -> bool:
        return passed >= (WINDOW if self._expected >= WINDOW_PACKETS else WINDOW_LIMIT)

    def _is_heavy(self, passed: float) -> bool:
        least = max(HEAVY_PACKETS, HEAVY * self._expected)
        return passed >= HEAVY_WINDOW and self._lost >= least


class _Spell:
    """Heavy losses without a break, and whether sending less has made them fewer.

    A radio link loses the same part of few packets as of many. GCC's rule alone would go down to
    nothing there, and lose as much.

    Args:
        fraction: That it began with.
        bitrate: That it began at.
    """

    def __init__(self, fraction: float, bitrate: float) -> None:
        self._first = self._recent = fraction
        self._bitrate = bitrate

    def add(self, fraction: float) -> None:
        self._recent = SPELL_MEMORY * self._recent + (1 - SPELL_MEMORY) * fraction

    @property
    def floor(self) -> float:
        """Below it, sending less has been tried."""
        return SPELL_PART * self._bitrate if self._recent >= SPELL_RELIEF * self._first else 0.0


class LossBasedController:
    """The rate that losses allow.

    Attributes:
        bitrate: In bits a second.
        limited: Whether losses hold it down: until it has grown back to what else is allowed.
    """

    def __init__(self, initial: float) -> None:
        self.bitrate = initial
        self.limited = False
        self._updated: float | None = None
        self._reduced = float("-inf")
        self._spell: _Spell | None = None

    def update(
        self, fraction: float, target: float, ceiling: float, round_trip_time: float, now: float
    ) -> None:
        """Take the part lost lately.

        Args:
            fraction: 0 to 1.
            target: How fast was sent meanwhile, in bits a second.
            ceiling: What else allows, in bits a second.
            round_trip_time: In seconds.
            now: In seconds.
        """
        elapsed = 0.0 if self._updated is None else max(0.0, now - self._updated)
        elapsed = min(elapsed, WINDOW_LIMIT)
        self._updated = now
        # Section 6: above 10% x (1 - loss / 2); below 2% x 1.05 a second (libwebrtc: 1.08).
        if fraction > HIGH:
            if now - self._reduced >= REDUCTION_INTERVAL + round_trip_time:
                self._reduced = now
                # Where losses held nothing down, their rate was nobody's: the delay's may be far
                # beyond it.
                self._reduce(fraction, min(self.bitrate, target) if self.limited else target)
                self.limited = True
        elif fraction < LOW:
            self._spell = None
            self.bitrate = self.bitrate * GROWTH_PER_SECOND**elapsed + 1000 * elapsed
        if self.bitrate >= ceiling:
            self.bitrate = ceiling
            self.limited = False

    def _reduce(self, fraction: float, bitrate: float) -> None:
        if self._spell is None:
            self._spell = _Spell(fraction, bitrate)
        self._spell.add(fraction)
        reduced = bitrate * (1 - 0.5 * fraction)
        self.bitrate = max(reduced, min(bitrate, self._spell.floor))
