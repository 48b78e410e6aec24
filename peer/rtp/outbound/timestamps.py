"""RTP timestamps of one outgoing stream, across its tracks and codecs. PURE."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoding import OutgoingFrame
    from peer.times import MonotonicTime

VIDEO_TIME_BASE = Fraction(1, 90_000)
#: Durations of a frame by which audio without times may lag before that is a pause (ours).
PAUSE_FRAMES = 4
#: Seconds by which the time of a B-frame may be before that of a frame sent earlier (ours).
REORDER_LIMIT = 1


class SendTimeline:
    """Assigns presentation times that keep pace with the clock across tracks.

    They only rise, but for B-frames, which come behind a frame that is shown later.

    Within a track its own times decide, to the tick. The first frame of a track, and a frame whose
    time does not rise, is placed at the present moment or right after the frame before, whichever
    is later. The very first frame keeps its time.

    Args:
        clock: Monotonic clock.
    """

    def __init__(self, clock: Callable[[], MonotonicTime]) -> None:
        self._clock = clock
        # What the clock showed at time 0 of the timeline.
        self._origin: MonotonicTime | None = None
        self._shift: int | None = None
        # Time base, time and duration of the frame placed last.
        self._time_base: Fraction | None = None
        self._ticks = 0
        self._duration = Fraction(0)

    @property
    def latest(self) -> int:
        """The latest presentation time that was assigned, in ticks."""
        return self._ticks

    def begin_track(self) -> None:
        """Treat the next frame as the first of another track."""
        self._shift = None

    def place(
        self,
        pts: int | None,
        *,
        time_base: Fraction | None,
        duration: Fraction,
        may_reorder: bool = False,
    ) -> tuple[int, Fraction]:
        """Return the presentation time of a frame in ticks, and the seconds of a tick.

        Args:
            pts: The frame's own time in `time_base`; None where the track gives none.
            time_base: Seconds of a tick of `pts`; None where the track gives none.
            duration: Seconds until the frame ends; 0 where not known.
            may_reorder: Whether the frame may be shown before one that was placed earlier.
        """
        base = VIDEO_TIME_BASE if time_base is None else time_base
        own = pts or 0
        shift = self._shift
        # Identity first: a comparison of fractions would cost more than all the rest.
        if base is not self._time_base and base != self._time_base:
            shift = None
        if (
            may_reorder
            and shift is not None
            and 0 < self._ticks - own - shift <= REORDER_LIMIT / base
        ):
            return own + shift, base
        if self._origin is None:
            shift = 0
            self._origin = self._clock() - float(own * base)
        elif pts is None or time_base is None or shift is None or own + shift <= self._ticks:
            shift = math.ceil(max(self._end, self._now(duration)) / base) - own
        self._shift = shift
        self._time_base = base
        self._ticks = own + shift
        self._duration = duration
        return self._ticks, base

    def present(self) -> Fraction:
        """Return the present time in seconds, or the end of the last frame where that is later."""
        if self._origin is None:
            self._origin = self._clock()
        return max(self._end, Fraction(self._clock() - self._origin))

    @property
    def _end(self) -> Fraction:
        base = self._time_base
        return Fraction(0) if base is None else self._ticks * base + max(self._duration, base)

    def _now(self, duration: Fraction) -> Fraction:
        now = Fraction(self._clock() - (self._origin or 0.0))
        # Audio without times is counted in samples; a lag of a few frames is jitter of the
        # program that produces it.
        lags = now - self._end > PAUSE_FRAMES * duration
        return now if not duration or lags else self._end


class RtpTimestampGenerator:
    """Generates RTP timestamps that rise, but for those of B-frames; they may exceed 32 bits.

    Frames keep the distances of their track; `SendTimeline` places one track after another.

    Args:
        clock_rate: Clock rate of the codec in Hz.
    """

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._now: MonotonicTime = 0.0
        self._timeline = SendTimeline(lambda: self._now)
        self._last: int | None = None
        # Time of the timeline and timestamp at which the present clock rate began.
        self._anchor = Fraction(0), 0
        # Timestamp = (pts * factor + offset) / divisor, for times in this time base.
        self._time_base: Fraction | None = None
        self._factor, self._offset, self._divisor = 1, 0, 1

    def begin_track(self) -> None:
        """Treat the next frame as the first of another track."""
        self._timeline.begin_track()

    def set_clock_rate(self, clock_rate: int) -> None:
        """Count at another clock rate, in Hz, from the frame placed last on."""
        if clock_rate == self._clock_rate:
            return
        if self._last is not None:
            # RFC 7160 section 4.1: timestamps continue from the last one, at the new rate.
            since, timestamp = self._anchor
            self._anchor = (
                since + Fraction(self._last - timestamp, self._clock_rate),
                self._last,
            )
        self._clock_rate = clock_rate
        self._time_base = None

    def place(self, frame: OutgoingFrame) -> int:
        """Return the RTP timestamp of a frame, later than all before unless it is a B-frame."""
        self._now = frame.capture_monotonic
        pts, base = self._timeline.place(
            frame.pts,
            time_base=frame.time_base,
            duration=frame.duration,
            # Our encoders make none, and no key frame is one.
            may_reorder=not (frame.encoded or frame.keyframe),
        )
        if base is not self._time_base:
            # Some tracks make their time base anew for each frame.
            if base != self._time_base:
                self._convert_from(base)
            self._time_base = base
        timestamp = (pts * self._factor + self._offset) // self._divisor
        if self._last is not None and timestamp <= self._last:
            if pts < self._timeline.latest:
                return timestamp
            # Two frames with one timestamp would be one to the peer.
            timestamp = self._last + 1
        self._last = timestamp
        return timestamp

    def at(self, time: MonotonicTime) -> int:
        """Return the RTP timestamp of a time, at least that of the end of the last frame.

        Args:
            time: By the clock of `OutgoingFrame.capture_monotonic`.
        """
        self._now = time
        since, timestamp = self._anchor
        return timestamp + math.ceil((self._timeline.present() - since) * self._clock_rate)

    def _convert_from(self, base: Fraction) -> None:
        since, timestamp = self._anchor
        factor = base * self._clock_rate
        # Half a tick, so that the division rounds to the nearest.
        offset = timestamp - since * self._clock_rate + Fraction(1, 2)
        self._divisor = math.lcm(factor.denominator, offset.denominator)
        self._factor = int(factor * self._divisor)
        self._offset = int(offset * self._divisor)
