"""Changes the bitrate of an open encoder, in the way that each library allows. PURE.

No library here simply takes another bitrate, and to open an encoder anew costs a keyframe. So it is
opened anew only where its own way does not reach, or where a keyframe is due anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from peer.values import dataclass

if TYPE_CHECKING:
    from peer.times import Seconds

#: Frame rate in Hz that libraries are told, whatever frames come (ours).
FRAMERATE = 30
#: Least seconds between two openings of an encoder without a keyframe request (ours).
SETTLING_TIME = 3.0


@dataclass(frozen=True, slots=True)
class FrameStep:
    """The treatment of one video frame by an encoder.

    Args:
        advance: Seconds that the library's time advances.
        bit_rate: New bit rate of the library's context; None for no change.
        drop: Whether the frame is not to be encoded.
    """

    advance: Seconds
    bit_rate: int | None = None
    drop: bool = False


class EncoderRateControl(Protocol):
    """Brings one encoder to its target bitrate, from `on_open` to `on_open`.

    Targets are in bits/s, intervals in seconds: `interval` is the time since the frame before,
    `mean_interval` its mean.
    """

    def on_open(self, target: int, mean_interval: Seconds) -> int:
        """Return the bitrate to open the encoder with."""
        ...

    def should_reopen(self, target: int, mean_interval: Seconds, *, keyframe: bool) -> bool:
        """Return True to open the encoder anew; more readily where a keyframe is due."""
        ...

    def on_frame(self, target: int, *, interval: Seconds, mean_interval: Seconds) -> FrameStep:
        """Return the treatment of the next frame."""
        ...


class TimestampRateControl:
    """Scales the timestamps of libvpx, which divides its bitrate by the times of frames.

    Times that advance slower than the frames' own make libvpx spend less on each frame, and faster
    ones more.
    """

    #: Ratio of target and opened bitrate beyond which to open anew (ours).
    REACH = 3.0
    #: Ratio beyond which to open anew where a keyframe is due (ours).
    REACH_AT_KEYFRAME = 1.5

    def __init__(self) -> None:
        self._opened_with = 1
        self._age: Seconds = 0.0

    def on_open(self, target: int, mean_interval: Seconds) -> int:
        """Open with the target, in bits/s."""
        self._opened_with = target
        self._age = 0.0
        return target

    def should_reopen(self, target: int, mean_interval: Seconds, *, keyframe: bool) -> bool:
        """Reopen where the target is out of reach."""
        ratio = target / self._opened_with
        if keyframe:
            return not 1 / self.REACH_AT_KEYFRAME <= ratio <= self.REACH_AT_KEYFRAME
        return self._age >= SETTLING_TIME and not 1 / self.REACH <= ratio <= self.REACH

    def on_frame(self, target: int, *, interval: Seconds, mean_interval: Seconds) -> FrameStep:
        """Advance the library's time in proportion to the target."""
        self._age += interval
        return FrameStep(advance=interval * target / self._opened_with)


class ContextRateControl:
    """Sets the bit rate of the context of libx264, which follows it below the one at opening.

    The encoder is therefore opened with headroom. libx264 counts frames, not seconds, so the bit
    rate is corrected by the interval of frames.
    """

    #: Ratio of the bit rate at opening and the target (ours).
    HEADROOM = 2.0
    #: Ratio of target and bit rate at opening below which to open anew (ours).
    MIN_RATIO = 0.15
    #: Relative change below which the bit rate is left (ours).
    MIN_CHANGE = 0.03

    def __init__(self) -> None:
        self._ceiling = 1
        self._bit_rate = 0
        self._age: Seconds = 0.0

    def on_open(self, target: int, mean_interval: Seconds) -> int:
        """Open with headroom above the target, in bits/s."""
        self._ceiling = self._bit_rate = round(_nominal(target, mean_interval) * self.HEADROOM)
        self._age = 0.0
        return self._ceiling

    def should_reopen(self, target: int, mean_interval: Seconds, *, keyframe: bool) -> bool:
        """Reopen where the target is above the bit rate at opening, or far below."""
        ratio = _nominal(target, mean_interval) / self._ceiling
        if keyframe:
            return not 2 * self.MIN_RATIO <= ratio <= 0.75
        return self._age >= SETTLING_TIME and not self.MIN_RATIO <= ratio <= 1.0

    def on_frame(self, target: int, *, interval: Seconds, mean_interval: Seconds) -> FrameStep:
        """Set the bit rate where it has changed."""
        is_first = self._age == 0.0
        self._age += interval
        wanted = min(round(_nominal(target, mean_interval)), self._ceiling)
        # libx264 follows only where it was opened with the ceiling for both, so the first frame
        # passes before a change.
        if is_first or abs(wanted - self._bit_rate) <= self.MIN_CHANGE * self._bit_rate:
            return FrameStep(advance=1 / FRAMERATE)
        self._bit_rate = wanted
        return FrameStep(advance=1 / FRAMERATE, bit_rate=wanted)


class FrameDropRateControl:
    """Drops frames of SVT-AV1, which spends the same on each frame for good."""

    #: Ratio of target and opened bitrate below which to open anew (ours).
    MIN_RATIO = 0.6
    #: Ratio of target and opened bitrate above which to open anew (ours).
    MAX_RATIO = 1.5
    #: Relative change from which on to open anew where a keyframe is due (ours).
    CHANGE_AT_KEYFRAME = 0.1
    #: Least seconds between two openings (ours): a rising target would otherwise cost a keyframe
    #: each time it has settled.
    SETTLING_TIME = 5.0

    def __init__(self) -> None:
        self._opened_with = 1
        self._age: Seconds = 0.0
        self._credit = 0.0

    def on_open(self, target: int, mean_interval: Seconds) -> int:
        """Open with the target, in bits/s."""
        self._opened_with = round(_nominal(target, mean_interval))
        self._age = 0.0
        self._credit = 0.0
        return self._opened_with

    def should_reopen(self, target: int, mean_interval: Seconds, *, keyframe: bool) -> bool:
        """Reopen where dropped frames do not reach the target."""
        ratio = _nominal(target, mean_interval) / self._opened_with
        if keyframe:
            return abs(ratio - 1) > self.CHANGE_AT_KEYFRAME
        return self._age >= self.SETTLING_TIME and not self.MIN_RATIO <= ratio <= self.MAX_RATIO

    def on_frame(self, target: int, *, interval: Seconds, mean_interval: Seconds) -> FrameStep:
        """Drop the frame where the target does not allow for it."""
        self._age += interval
        ratio = _nominal(target, mean_interval) / self._opened_with
        # Credit that is saved up serves one frame more at most.
        self._credit = min(self._credit + ratio, 2.0)
        # A ratio of 0.999 is rounding.
        if self._credit < 0.99:
            return FrameStep(advance=interval, drop=True)
        self._credit -= 1.0
        return FrameStep(advance=interval)


def _nominal(target: int, mean_interval: Seconds) -> float:
    """Return the bitrate in bits/s that spends as much on each frame at `FRAMERATE` frames."""
    return target * FRAMERATE * mean_interval
