"""Owns how an encoder that is open is brought to another bitrate, for each way a library allows.

No library here can simply be told, and to open it anew costs a key frame, so it is opened anew only
where its own way does not reach, or where a key frame is due anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

# Pictures a second that the libraries are told of, whatever comes in truth.
FRAMERATE = 30
# Seconds: the shortest time between two openings that nobody asked for.
SETTLED = 3.0


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with one picture.

    Args:
        advance: Seconds by which the library's time goes on.
        bit_rate: What the library's context is to be told; None for no change.
        leave_out: Whether the picture is not to be encoded at all.
    """

    advance: float
    bit_rate: int | None = None
    leave_out: bool = False


class RateControl(Protocol):
    """One opened encoder, from `opened` on.

    Bitrates are in bits a second, `interval` is the time since the picture before and
    `mean_interval` its mean, in seconds.
    """

    def opened(self, target: int, mean_interval: float) -> int:
        """The encoder is being opened: the bitrate to open it with."""
        ...

    def stale(self, target: int, mean_interval: float, *, keyframe: bool) -> bool:
        """Whether to open it anew for this target; more readily where a key frame is due."""
        ...

    def step(self, target: int, interval: float, mean_interval: float) -> Step:
        """What to do with a picture."""
        ...


class ByTime:
    """For libvpx, which divides the bitrate it was opened with by the times of the pictures.

    A clock that runs slower than the pictures' own makes it spend less on each of them, and a
    faster one more.
    """

    REACH = 3.0
    REACH_AT_KEYFRAME = 1.5

    def __init__(self) -> None:
        self._opened_with = 1
        self._age = 0.0

    def opened(self, target: int, mean_interval: float) -> int:
        """See `RateControl`."""
        self._opened_with = target
        self._age = 0.0
        return target

    def stale(self, target: int, mean_interval: float, *, keyframe: bool) -> bool:
        """See `RateControl`."""
        ratio = target / self._opened_with
        if keyframe:
            return not 1 / self.REACH_AT_KEYFRAME <= ratio <= self.REACH_AT_KEYFRAME
        return self._age >= SETTLED and not 1 / self.REACH <= ratio <= self.REACH

    def step(self, target: int, interval: float, mean_interval: float) -> Step:
        """See `RateControl`."""
        self._age += interval
        return Step(advance=interval * target / self._opened_with)


class ByContext:
    """For libx264, which follows its context's bit_rate below the one it was opened with.

    Opened with headroom therefore. It counts pictures, not seconds, so what it is told is
    corrected by how often pictures come.
    """

    HEADROOM = 2.0
    LEAST = 0.15
    # Relative changes of less than this are not passed on.
    GRAIN = 0.03

    def __init__(self) -> None:
        self._ceiling = 1
        self._told = 0
        self._age = 0.0

    def opened(self, target: int, mean_interval: float) -> int:
        """See `RateControl`."""
        self._ceiling = self._told = round(_nominal(target, mean_interval) * self.HEADROOM)
        self._age = 0.0
        return self._ceiling

    def stale(self, target: int, mean_interval: float, *, keyframe: bool) -> bool:
        """See `RateControl`."""
        ratio = _nominal(target, mean_interval) / self._ceiling
        if keyframe:
            return not 2 * self.LEAST <= ratio <= 0.75
        return self._age >= SETTLED and not self.LEAST <= ratio <= 1.0

    def step(self, target: int, interval: float, mean_interval: float) -> Step:
        """See `RateControl`."""
        first = self._age == 0.0
        self._age += interval
        wanted = min(round(_nominal(target, mean_interval)), self._ceiling)
        # It follows only where it was opened with the ceiling for both, so the first picture
        # passes before anything is changed.
        if first or abs(wanted - self._told) <= self.GRAIN * self._told:
            return Step(advance=1 / FRAMERATE)
        self._told = wanted
        return Step(advance=1 / FRAMERATE, bit_rate=wanted)


class ByLeavingOut:
    """For SVT-AV1, which spends the same on each picture for good: fewer pictures cost less."""

    LEAST = 0.6
    MOST = 1.5
    AT_KEYFRAME = 0.1
    # Seconds. A rising target would otherwise cost a key frame each time it has settled.
    SETTLED = 5.0

    def __init__(self) -> None:
        self._opened_with = 1
        self._age = 0.0
        self._credit = 0.0

    def opened(self, target: int, mean_interval: float) -> int:
        """See `RateControl`."""
        self._opened_with = round(_nominal(target, mean_interval))
        self._age = 0.0
        self._credit = 0.0
        return self._opened_with

    def stale(self, target: int, mean_interval: float, *, keyframe: bool) -> bool:
        """See `RateControl`."""
        share = _nominal(target, mean_interval) / self._opened_with
        if keyframe:
            return abs(share - 1) > self.AT_KEYFRAME
        return self._age >= self.SETTLED and not self.LEAST <= share <= self.MOST

    def step(self, target: int, interval: float, mean_interval: float) -> Step:
        """See `RateControl`."""
        self._age += interval
        share = _nominal(target, mean_interval) / self._opened_with
        # What is saved up serves one picture more at most.
        self._credit = min(self._credit + share, 2.0)
        # A share of 0.999 is rounding.
        if self._credit < 0.99:
            return Step(advance=interval, leave_out=True)
        self._credit -= 1.0
        return Step(advance=interval)


def _nominal(target: int, mean_interval: float) -> float:
    """The bitrate that would spend as much on each picture, were there `FRAMERATE` of them."""
    return target * FRAMERATE * mean_interval
