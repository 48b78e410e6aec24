"""Timeline of a recording: gives each frame of each track its place. PURE."""

from __future__ import annotations

import dataclasses
from dataclasses import field
from fractions import Fraction
from typing import TYPE_CHECKING

from media.recording.audio_packets import packet_duration
from media.recording.clocks import SenderClocks
from media.recording.track_clock import PAUSE, TrackClock, exact_seconds, seconds
from peer.rtp.decode_order import DecodeOrder
from peer.rtp.formats import reorder_depth
from peer.rtp_parameters import MediaKind
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from peer import EncodedFrame
    from peer.times import MonotonicTime, Seconds

#: Seconds that the first frames of a track wait for a sender report at most (ours).
REPORT_TIMEOUT = 1.5
#: Seconds that the first frames of a track wait at least: the first may have been slow (ours).
WARM_UP = 0.3
#: Frames of a track that wait at most (ours).
WAITING_LIMIT = 512
#: Least step between video frames in seconds: WebM counts in milliseconds.
_STEP = Fraction(1, 1000)
_ZERO = Fraction(0)
#: Duration in seconds of the first video frame, which is not known (ours).
_FRAME = Fraction(1, 30)


@dataclass(frozen=True, slots=True)
class PlacedFrame:
    """A frame with its place on the timeline.

    Args:
        key: Key of the track.
        frame: The encoded frame.
        time: Seconds since the timeline's origin; rising within a track.
        duration: Duration in seconds; that of the frame before it for video.
        offset: Seconds from `time`, at which it is decoded, to when it is shown; other than 0 in
            video with B-frames only.
    """

    key: Hashable
    frame: EncodedFrame
    time: Fraction
    duration: Fraction
    offset: Fraction = _ZERO

    @property
    def shown(self) -> Fraction:
        """The time at which it is shown, in seconds since the timeline's origin."""
        return self.time + self.offset


@dataclasses.dataclass(slots=True)
class _Track:
    """Track with the frames that are `waiting`, the first of which arrived at `since`."""

    clock: TrackClock
    since: MonotonicTime | None = None
    waiting: list[EncodedFrame] = field(default_factory=list)
    is_released: bool = False
    awaits_keyframe: bool = True
    keyframe_at: Fraction = _ZERO
    placed: bool = False
    order: DecodeOrder[Fraction] = field(default_factory=DecodeOrder)

    @property
    def kind(self) -> MediaKind:
        """The kind of the track: audio or video."""
        return self.clock.kind

    def decoding_time(self, frame: EncodedFrame, shown: Fraction) -> Fraction:
        """The time at which the next picture is decoded, at or before that of showing."""
        if not self.placed:
            self.placed = True
            self.order.allow(reorder_depth(frame.codec, frame.payload))
        # By the sender's times: a clock that is put right moves places back, and is no B-frame.
        sent = seconds(frame)
        self.order.add(sent)
        return self.order.decoded() + shown - sent


class Timeline:
    """Places frames of any number of tracks on one timeline, in order of capture.

    The timeline is our monotonic clock without the paused intervals. A frame's place is the time at
    which it was captured by the sender's clock, which all tracks of a sender share; that clock is
    related to ours by the fastest frame, so that different senders are in sync as far as arrivals
    can tell. Before a track's first sender report the RTP clock is related to ours in the same way.
    After the report the track is moved slowly to its place; it never moves back over a placed
    frame. PURE: times are arguments, in seconds of the clock of `EncodedFrame.arrival`.

    Args:
        report_timeout: Seconds that the first frames of a track wait for a sender report at most.

    Attributes:
        overlapped: Number of audio packets left out because their time was taken.
    """

    def __init__(self, report_timeout: Seconds = REPORT_TIMEOUT) -> None:
        self.overlapped = 0
        self._report_timeout = report_timeout
        self._tracks: dict[Hashable, _Track] = {}
        self._senders: dict[Hashable, SenderClocks] = {}
        # Time and duration of each track's last frame; kept when it ends, as it may join again.
        self._last: dict[Hashable, tuple[Fraction, Fraction]] = {}
        # Our time at the origin, later by the paused intervals since.
        self._origin: Fraction | None = None
        self._paused: MonotonicTime | None = None
        self._resumed: MonotonicTime | None = None
        self._ready: list[PlacedFrame] = []

    @property
    def origin(self) -> Fraction | None:
        """Our time at the origin, in seconds, later by the paused intervals; None before it."""
        return self._origin

    @property
    def broken(self) -> tuple[Hashable, ...]:
        """Keys of the video tracks that need a key frame, since a frame was left out."""
        if self._paused is not None:
            return ()
        return tuple(
            key
            for key, track in self._tracks.items()
            if track.is_released and track.awaits_keyframe and track.kind is MediaKind.VIDEO
        )

    def add(self, key: Hashable, kind: MediaKind, sender: Hashable) -> None:
        """Add a track to the timeline.

        Args:
            key: Key of the track. One that ended may join again under its key: it goes on there.
            kind: Audio or video.
            sender: Identity of the sender; tracks of one sender are stamped by one clock.
        """
        clocks = self._senders.setdefault(sender, SenderClocks())
        self._tracks[key] = _Track(TrackClock(kind, clocks))

    def remove(self, key: Hashable) -> None:
        """End a track, and place the frames of it that wait."""
        track = self._tracks.pop(key, None)
        if track is None:
            return
        if track.waiting:
            if self._origin is None:
                self._begin([track, *(each for each in self._tracks.values() if each.waiting)])
            self._release(key, track)
        sender = track.clock.sender
        if all(each.clock.sender is not sender for each in self._tracks.values()):
            # A later track under that identity may be of another sender.
            self._senders = {k: v for k, v in self._senders.items() if v is not sender}

    def put(self, key: Hashable, frame: EncodedFrame) -> None:
        """Take a frame of a track that was added."""
        track = self._tracks[key]
        self._observe(track, frame)
        if track.is_released:
            self._place(key, track, frame)
            return
        if track.since is None:
            track.since = frame.arrival
        track.waiting.append(frame)
        if len(track.waiting) >= WAITING_LIMIT:
            track.since = float("-inf")

    def advance(self, now: MonotonicTime) -> None:
        """Place the frames that have waited long enough."""
        waiting = {key: track for key, track in self._tracks.items() if not track.is_released}
        due = {key: track for key, track in waiting.items() if self._is_due(track, now)}
        if self._origin is None and (not due or not self._may_begin(waiting, due, now)):
            return
        if self._origin is None:
            due = {key: track for key, track in waiting.items() if track.waiting}
            self._begin(due.values())
        for key, track in due.items():
            self._release(key, track)

    def take(self) -> list[PlacedFrame]:
        """Take the frames placed since the last call, in order of time."""
        ready, self._ready = self._ready, []
        ready.sort(key=lambda placed: placed.time)
        return ready

    def finish(self) -> None:
        """Place all frames that wait."""
        for track in self._tracks.values():
            track.since = float("-inf")
        self.advance(float("inf"))

    def pause(self, now: MonotonicTime) -> None:
        """Leave out frames that are captured from now on."""
        if self._paused is None:
            self._paused = now

    def resume(self, now: MonotonicTime) -> None:
        """Go on, at the place of the pause, with frames that are captured from now on."""
        if self._paused is None:
            return
        if self._origin is not None:
            self._origin += exact_seconds(now - self._paused)
        self._paused = None
        self._resumed = now

    def _may_begin(
        self,
        waiting: dict[Hashable, _Track],
        due: dict[Hashable, _Track],
        now: MonotonicTime,
    ) -> bool:
        """Tell if the origin can be set: it is the earliest frame of all tracks, within reason."""
        if len(due) == len(waiting):
            return True
        began = min(track.since for track in due.values() if track.since is not None)
        return now - began >= self._report_timeout

    def _is_due(self, track: _Track, now: MonotonicTime) -> bool:
        if track.since is None or not track.waiting:
            return False
        waited = now - track.since
        if track.since == float("-inf") or waited >= self._report_timeout:
            return True
        return track.clock.has_report and waited >= WARM_UP

    def _begin(self, tracks: Iterable[_Track]) -> None:
        firsts = []
        for track in tracks:
            track.clock.aim(_latest_stamped(track.waiting))
            firsts.append(track.clock.capture_time(track.waiting[0], correct=False))
        self._origin = min(firsts)
        if self._resumed is not None:
            self._origin = max(self._origin, exact_seconds(self._resumed))

    def _release(self, key: Hashable, track: _Track) -> None:
        # The report also tells the capture times of the frames before it.
        track.clock.aim(_latest_stamped(track.waiting))
        track.is_released = True
        track.clock.use()
        waiting, track.waiting = track.waiting, []
        for frame in waiting:
            self._place(key, track, frame, correct=False)

    def _observe(self, track: _Track, frame: EncodedFrame) -> None:
        track.clock.observe(frame)
        if track.kind is MediaKind.AUDIO:
            clocks = (each.clock for each in self._tracks.values())
            track.clock.compare(
                clock
                for clock in clocks
                if clock.sender is track.clock.sender and clock.kind is MediaKind.VIDEO
            )

    def _place(
        self, key: Hashable, track: _Track, frame: EncodedFrame, *, correct: bool = True
    ) -> None:
        captured = track.clock.capture_time(frame, correct=correct)
        assert self._origin is not None
        time = captured - self._origin
        if frame.keyframe:
            track.keyframe_at = captured
        elif captured < track.keyframe_at and time < 0:
            # A leading picture of a key frame that the recording begins with: nothing depends on it
            # (ITU-T H.265 section 3.76).
            return
        undecodable = track.awaits_keyframe and not frame.keyframe
        if not self._is_wanted(captured) or undecodable or time < 0:
            # Frames that depend on this one cannot be decoded either.
            track.awaits_keyframe = track.kind is MediaKind.VIDEO
            return
        self._append(key, track, frame, time)

    def _append(self, key: Hashable, track: _Track, frame: EncodedFrame, time: Fraction) -> None:
        last = self._last.get(key)
        offset = _ZERO
        if track.kind is MediaKind.AUDIO:
            duration = packet_duration(frame.codec, frame.payload)
            if last is not None and time < last[0] + last[1] / 2:
                self.overlapped += 1
                return
        else:
            shown, time, duration = time, track.decoding_time(frame, time), _FRAME
            if last is not None:
                time = max(time, last[0] + _STEP)
                step = time - last[0]
                duration = step if step <= PAUSE else last[1]
            if track.order.depth:
                offset = shown - time
        track.awaits_keyframe = False
        self._last[key] = time, duration
        self._ready.append(PlacedFrame(key, frame, time, duration, offset))

    def _is_wanted(self, captured: Fraction) -> bool:
        if self._paused is not None and captured >= self._paused:
            return False
        return self._resumed is None or captured >= self._resumed


def _latest_stamped(frames: list[EncodedFrame]) -> EncodedFrame:
    """Return the last frame with a wall clock, or the last one where none has it."""
    return next((each for each in reversed(frames) if each.wall_clock is not None), frames[-1])
