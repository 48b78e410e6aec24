"""Mapping of one track's RTP timestamps to our clock, and its slow correction. PURE."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from media.recording.clocks import Clock
from media.recording.delay_growth import DelayGrowthDetector
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media.recording.clocks import SenderClocks
    from peer import EncodedFrame
    from peer.times import MonotonicTime, Seconds

#: Seconds of error up to which a track is left where it is (ours).
_TOLERANCE = 0.005
#: Seconds of error at which a correction ends (ours).
_CORRECTED = 0.001
#: Greatest correction, as part of the time that passes, that is not seen or heard (ours).
_SLEW = {MediaKind.VIDEO: 0.1, MediaKind.AUDIO: 0.02}
#: Seconds of error beyond which a track is moved at once (ours).
_LEAP = 0.25
#: Seconds by which audio may be early before it is moved at once, as after a gap (ours).
_HOLE = 0.04
#: Seconds without a frame in which a track can be moved unnoticed (ours).
PAUSE = 0.2
#: Seconds between arrivals of two tracks of one sender, captured together, at most (ours).
_APART = 0.75
#: Consecutive frames with an unexpected delay before that delay is the usual one (ours).
_CONVINCING = 500
#: Denominator of times: a multiple of the clock rates 48000 and 90000 Hz, so that regular steps
#: stay regular.
_RESOLUTION = 720_000
_ZERO = Fraction(0)


class TrackClock:
    """Relates the RTP timestamps of one track to our monotonic clock.

    Before the first sender report the fastest frame decides, as if it had no network delay. After
    it, the sender's wall clock decides, which all tracks of the sender share. A correction moves
    the track slowly (see `_SLEW`).

    Args:
        kind: Audio or video.
        sender: Clocks of the sender, shared by the sender's tracks.

    Attributes:
        has_report: True once a frame was stamped by a sender report.
        growth: Detector of growing delay.
    """

    def __init__(self, kind: MediaKind, sender: SenderClocks) -> None:
        self.kind = kind
        self.sender = sender
        self.has_report = False
        self.growth = DelayGrowthDetector()
        #: Offset to add to `pts` for our time, in seconds.
        self._offset: Fraction | None = None
        self._is_moving = False
        self._is_used = False
        self._rtp_clock: Clock | None = None
        self._clock: Clock | None = None
        #: Wall clock minus `pts`, in seconds.
        self._mapping: float | None = None
        #: Seconds from capture to arrival, as a rule.
        self._usual_delay: Seconds | None = None
        self._outliers = 0
        self._pts = _ZERO

    def observe(self, frame: EncodedFrame) -> None:
        """Learn from the timestamps and the arrival of a frame."""
        pts = float(seconds(frame))
        rtp_clock = self._rtp_clock
        if rtp_clock is None or frame.arrival - pts < rtp_clock.relation - _LEAP:
            rtp_clock = Clock(frame.arrival - pts, is_used=self._is_used)
            self._rtp_clock = rtp_clock
        if not self.has_report:
            self._clock = rtp_clock
            rtp_clock.observe(pts, frame.arrival)
            self.growth.observe(frame.arrival, frame.arrival - pts - rtp_clock.relation)
        if frame.wall_clock is None:
            return
        mapping = frame.wall_clock - pts
        change = 0.0 if self._mapping is None else mapping - self._mapping
        step = abs(change)
        self._mapping = mapping
        if step > _TOLERANCE or not self.has_report:
            self.growth.on_report(change)
        if not self.has_report:
            self._clock = self.sender.nearest(
                frame.wall_clock, expected=rtp_clock.relation + pts, tolerance=_APART
            )
            self.has_report = True
        assert self._clock is not None
        delay = frame.arrival - (self._clock.relation + frame.wall_clock)
        if self._usual_delay is None:
            self._usual_delay = delay
        unusual = delay - self._usual_delay
        # A frame from the future, or a wall clock that was set: look for a clock that explains it.
        if unusual < -_LEAP or (step > _LEAP and abs(unusual) > _LEAP):
            self._clock = self.sender.nearest(
                frame.wall_clock, expected=frame.arrival - self._usual_delay, tolerance=_LEAP
            )
            delay = frame.arrival - (self._clock.relation + frame.wall_clock)
        self._observe_delay(delay)
        self.growth.observe(frame.arrival, delay)
        self._clock.observe(frame.wall_clock, frame.arrival)

    def compare(self, video: Iterable[TrackClock]) -> None:
        """Compare growing delay with that of the sender's video tracks, to find a stalled clock."""
        self.growth.compare(each.growth for each in video)

    def aim(self, frame: EncodedFrame) -> None:
        """Move the track at once to the place that its clock gives for a frame."""
        target = self._target(frame)
        if target is not None:
            self._offset = exact_seconds(target)
            self._is_moving = False

    def use(self) -> None:
        """Note that frames are placed by this clock, which must not leap from now on."""
        self._is_used = True
        if self._clock is not None:
            self._clock.is_used = True

    def capture_time(self, frame: EncodedFrame, *, correct: bool) -> Fraction:
        """Return when a frame was captured, in seconds of our clock.

        Args:
            frame: The next frame of the track.
            correct: True to move the track towards the place that its clock gives.
        """
        pts = seconds(frame)
        if correct:
            self._correct(frame, pts - self._pts)
        self._pts = pts
        return pts + (self._offset or _ZERO)

    def _observe_delay(self, delay: Seconds) -> None:
        assert self._usual_delay is not None
        if abs(delay - self._usual_delay) <= _LEAP:
            self._usual_delay += (delay - self._usual_delay) / 64
            self._outliers = 0
        else:
            self._outliers += 1
            if self._outliers >= _CONVINCING:
                self._usual_delay = delay

    def _target(self, frame: EncodedFrame) -> Seconds | None:
        """Compute the offset by the clock; None for a frame without wall clock after a report."""
        assert self._clock is not None
        relation = self._clock.relation + self.growth.stalled
        if not self.has_report:
            return relation
        if frame.wall_clock is None:
            return None
        return relation + frame.wall_clock - float(seconds(frame))

    def _correct(self, frame: EncodedFrame, passed: Fraction) -> None:
        target = self._target(frame)
        if self._offset is None:
            return
        if target is None:
            soonest: MonotonicTime = (
                frame.arrival - (self._usual_delay or 0.0) - float(seconds(frame))
            )
            if self._offset > soonest + _LEAP:
                # No frame arrives before its capture: the RTP clock leapt.
                self._offset = exact_seconds(soonest)
            return
        error = target - float(self._offset)
        leap = _HOLE if self.kind is MediaKind.AUDIO and error > 0 else _LEAP
        if abs(error) > leap or (passed > PAUSE and abs(error) > _TOLERANCE):
            self.aim(frame)
            return
        if abs(error) > _TOLERANCE:
            self._is_moving = True
        elif abs(error) <= _CORRECTED:
            self._is_moving = False
        if self._is_moving:
            most = _SLEW[self.kind] * float(max(_ZERO, passed))
            self._offset += exact_seconds(max(-most, min(error, most)))


def seconds(frame: EncodedFrame) -> Fraction:
    """Return the presentation time of a frame by its track's RTP clock, in seconds."""
    return Fraction(frame.pts, frame.codec.clock_rate)


def exact_seconds(value: Seconds) -> Fraction:
    """Round seconds to a multiple of both usual clock periods."""
    return Fraction(round(value * _RESOLUTION), _RESOLUTION)
