"""Owns `Timeline`: where each frame of each track belongs on the one line of a recording."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from media.recording.clocks import Clock, SenderClocks
from media.recording.sound import packet_duration
from media.recording.track_state import Reached, TrackState
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from peer import EncodedFrame

#: Seconds that the first frames of a track wait for a sender report.
HOLD = 1.5
#: Seconds that they wait in any case: the very first frame may have been a slow one.
SETTLE = 0.3
#: Frames of a track that wait at most.
HELD_LIMIT = 512
#: Seconds by which a track may be off its place before it is moved, and the end of the move.
_TOLERANCE, _RESTED = 0.005, 0.001
#: Of the time that passes, which a track is moved by: nobody sees it, or hears it.
_SLEW = {MediaKind.VIDEO: 0.1, MediaKind.AUDIO: 0.02}
#: Seconds: what is further off its place is put there at once, as no slow way would end.
_LEAP = 0.25
#: The same where sound is too early: what is missing in it was never captured.
_HOLE = 0.04
#: Seconds of nothing, in which a track can be moved without anybody being aware of it.
_PAUSE = 0.2
#: Seconds between the arrivals of two tracks of one sender, captured together.
_APART = 0.75
#: Frames in a row that arrive otherwise than expected before that is what is expected.
_CONVINCING = 500
#: In seconds: WebM counts in milliseconds, and times have to differ there as well.
_STEP = Fraction(1, 1000)
#: Of both usual clock rates, 48000 and 90000 Hz: what is regular in them stays so.
_RESOLUTION = 720_000


@dataclass(frozen=True, slots=True)
class PlacedFrame:
    """A frame with its place.

    Args:
        key: Of its track.
        frame: As it came.
        time: In seconds of the line, from 0 at its beginning; rising within a track.
        duration: In seconds; of a picture, that of the one before it.
    """

    key: Hashable
    frame: EncodedFrame
    time: Fraction
    duration: Fraction


class Timeline:
    """Places frames of any number of tracks on one line, in the order in which they were captured.

    The line is our monotonic clock, less what was paused. A frame's place on it is when it was
    captured by the sender's clock, which all tracks of a sender share; that clock is related to
    ours by the fastest frame, so that different senders are together as well as arrivals can say.
    Before a track's first sender report its RTP clock is related to ours in the same way. When the
    report comes the track is moved to its place slowly; it is never moved back over what was
    placed. Pure: time is what it is told, in seconds of the clock of `EncodedFrame.arrival`.

    Args:
        hold: For how long at most the first frames of a track wait for its first sender report.

    Attributes:
        overlapped: Packets of sound that were left out, as their time was taken.
        early: Frames that were left out, as they were from before the beginning.
    """

    def __init__(self, hold: float = HOLD) -> None:
        self.overlapped = 0
        self.early = 0
        self._hold = hold
        self._tracks: dict[Hashable, TrackState] = {}
        self._senders: dict[Hashable, SenderClocks] = {}
        self._reached: dict[Hashable, Reached] = {}
        # Our time at the line's beginning, later by what was paused since.
        self._origin: Fraction | None = None
        self._paused: float | None = None
        self._resumed: float | None = None
        self._ready: list[PlacedFrame] = []

    @property
    def started(self) -> bool:
        """Whether the line has a beginning."""
        return self._origin is not None

    @property
    def reached(self) -> Fraction:
        """The end of what was placed, in seconds."""
        return max((each.time + each.duration for each in self._reached.values()), default=_ZERO)

    @property
    def broken(self) -> tuple[Hashable, ...]:
        """Tracks of which something was left out, so that nothing can be placed but a key frame."""
        if self._paused is not None:
            return ()
        return tuple(
            key
            for key, track in self._tracks.items()
            if track.released and track.awaits_keyframe and track.kind is MediaKind.VIDEO
        )

    def add(self, key: Hashable, kind: MediaKind, sender: Hashable) -> None:
        """Expect frames of a track.

        Args:
            key: Names it. One that ended may join again under its former name: it goes on there.
            kind: Sound or pictures.
            sender: Tracks with the same one are stamped by one clock.
        """
        clocks = self._senders.setdefault(sender, SenderClocks())
        self._tracks[key] = TrackState(kind, clocks)

    def remove(self, key: Hashable) -> None:
        """The track has ended; frames that wait are placed."""
        track = self._tracks.pop(key, None)
        if track is None:
            return
        if track.held:
            if self._origin is None:
                self._begin([track, *(each for each in self._tracks.values() if each.held)])
            self._release(key, track)
        if all(each.sender is not track.sender for each in self._tracks.values()):
            # Whoever comes later under that name may be somebody else.
            self._senders = {k: v for k, v in self._senders.items() if v is not track.sender}

    def put(self, key: Hashable, frame: EncodedFrame) -> None:
        """Take a frame of a track that was added."""
        track = self._tracks[key]
        self._relate(track, frame)
        if track.released:
            self._place(key, track, frame)
            return
        if track.since is None:
            track.since = frame.arrival
        track.held.append(frame)
        if len(track.held) >= HELD_LIMIT:
            track.since = float("-inf")

    def advance(self, now: float) -> None:
        """Place what has waited long enough."""
        waiting = {key: track for key, track in self._tracks.items() if not track.released}
        due = {key: track for key, track in waiting.items() if self._is_due(track, now)}
        if self._origin is None and (not due or not self._may_begin(waiting, due, now)):
            return
        if self._origin is None:
            due = {key: track for key, track in waiting.items() if track.held}
            self._begin(due.values())
        for key, track in due.items():
            self._release(key, track)

    def take(self) -> list[PlacedFrame]:
        """What was placed since the last call, by time."""
        ready, self._ready = self._ready, []
        ready.sort(key=lambda placed: placed.time)
        return ready

    def finish(self) -> None:
        """Place all that waits."""
        for track in self._tracks.values():
            track.since = float("-inf")
        self.advance(float("inf"))

    def pause(self, now: float) -> None:
        """Leave out what is captured from now on."""
        if self._paused is None:
            self._paused = now

    def resume(self, now: float) -> None:
        """Go on with what is captured from now on, where the line was left."""
        if self._paused is None:
            return
        if self._origin is not None:
            self._origin += _exact(now - self._paused)
        self._paused = None
        self._resumed = now

    def _may_begin(
        self, waiting: dict[Hashable, TrackState], due: dict[Hashable, TrackState], now: float
    ) -> bool:
        """The beginning is the earliest frame of all, so all are waited for, within reason."""
        if len(due) == len(waiting):
            return True
        began = min(track.since for track in due.values() if track.since is not None)
        return now - began >= self._hold

    def _is_due(self, track: TrackState, now: float) -> bool:
        if track.since is None or not track.held:
            return False
        waited = now - track.since
        if track.since == float("-inf") or waited >= self._hold:
            return True
        return track.by_wall and waited >= SETTLE

    def _begin(self, tracks: Iterable[TrackState]) -> None:
        firsts = []
        for track in tracks:
            self._aim(track, _telling(track.held))
            firsts.append(_seconds(track.held[0]) + (track.offset or _ZERO))
        self._origin = min(firsts)
        if self._resumed is not None:
            self._origin = max(self._origin, _exact(self._resumed))

    def _release(self, key: Hashable, track: TrackState) -> None:
        # Also those that came before the report are known to it by now.
        self._aim(track, _telling(track.held))
        track.released = True
        if track.clock is not None:
            track.clock.settled = True
        held, track.held = track.held, []
        for frame in held:
            self._place(key, track, frame, steady=True)

    def _relate(self, track: TrackState, frame: EncodedFrame) -> None:
        """Learn of the clocks from a frame."""
        self._learn(track, frame)
        if track.kind is MediaKind.AUDIO:
            others = (each for each in self._tracks.values() if each.sender is track.sender)
            track.lateness.compare(o.lateness for o in others if o.kind is MediaKind.VIDEO)

    def _learn(self, track: TrackState, frame: EncodedFrame) -> None:
        pts = float(_seconds(frame))
        if track.own is None or frame.arrival - pts < track.own.relation - _LEAP:
            track.own = Clock(frame.arrival - pts, settled=track.released)
        if not track.by_wall:
            track.clock = track.own
            track.own.observe(pts, frame.arrival)
            track.lateness.observe(frame.arrival, frame.arrival - pts - track.own.relation)
        if frame.wall_clock is None:
            return
        mapping = frame.wall_clock - pts
        step = _ZERO if track.mapping is None else abs(mapping - track.mapping)
        stepped = step > _LEAP
        track.mapping = mapping
        if step > _TOLERANCE or not track.by_wall:
            track.lateness.restart()
        if not track.by_wall:
            expected = track.own.relation + pts
            track.clock = track.sender.fitting(frame.wall_clock, expected, _APART)
            track.by_wall = True
        assert track.clock is not None
        late = frame.arrival - (track.clock.relation + frame.wall_clock)
        if track.away is None:
            track.away = late
        # A frame from the future, or a clock that was set: another clock, by which all is well.
        if late < track.away - _LEAP or (stepped and abs(late - track.away) > _LEAP):
            expected = frame.arrival - track.away
            track.clock = track.sender.fitting(frame.wall_clock, expected, _LEAP)
            late = frame.arrival - (track.clock.relation + frame.wall_clock)
        self._learn_lateness(track, late)
        track.lateness.observe(frame.arrival, late)
        track.clock.observe(frame.wall_clock, frame.arrival)

    def _learn_lateness(self, track: TrackState, late: float) -> None:
        assert track.away is not None
        if abs(late - track.away) <= _LEAP:
            track.away += (late - track.away) / 64
            track.astray = 0
        else:
            track.astray += 1
            if track.astray >= _CONVINCING:
                track.away = late

    def _aim(self, track: TrackState, frame: EncodedFrame) -> None:
        """Put a track where its clock has it, at once."""
        target = self._target(track, frame)
        if target is not None:
            track.offset = _exact(target)
            track.moving = False

    def _target(self, track: TrackState, frame: EncodedFrame) -> float | None:
        """The offset by the track's clock; None where the frame does not say."""
        assert track.clock is not None
        relation = track.clock.relation + track.lateness.stalled
        if not track.by_wall:
            return relation
        if frame.wall_clock is None:
            return None
        return relation + frame.wall_clock - float(_seconds(frame))

    def _place(
        self, key: Hashable, track: TrackState, frame: EncodedFrame, *, steady: bool = False
    ) -> None:
        pts = _seconds(frame)
        if not steady:
            self._steer(track, frame, pts - track.pts)
        track.pts = pts
        captured = pts + (track.offset or _ZERO)
        if not self._is_wanted(captured) or (track.awaits_keyframe and not frame.keyframe):
            # What builds on it cannot be shown either.
            track.awaits_keyframe = track.kind is MediaKind.VIDEO
            return
        assert self._origin is not None
        time = captured - self._origin
        if time < 0:
            self.early += 1
            track.awaits_keyframe = track.kind is MediaKind.VIDEO
            return
        self._append(key, track, frame, time)

    def _append(
        self, key: Hashable, track: TrackState, frame: EncodedFrame, time: Fraction
    ) -> None:
        before = self._reached.get(key)
        if track.kind is MediaKind.AUDIO:
            duration = packet_duration(frame.codec, frame.payload)
            if before is not None and time < before.time + before.duration / 2:
                self.overlapped += 1
                return
        else:
            duration = _PICTURE
            if before is not None:
                time = max(time, before.time + _STEP)
                step = time - before.time
                duration = step if step <= _PAUSE else before.duration
        track.awaits_keyframe = False
        self._reached[key] = Reached(time, duration)
        self._ready.append(PlacedFrame(key, frame, time, duration))

    def _is_wanted(self, captured: Fraction) -> bool:
        if self._paused is not None and captured >= self._paused:
            return False
        return self._resumed is None or captured >= self._resumed

    def _steer(self, track: TrackState, frame: EncodedFrame, passed: Fraction) -> None:
        """Move the track towards its place."""
        target = self._target(track, frame)
        if track.offset is None:
            return
        if target is None:
            soonest = frame.arrival - (track.away or 0.0) - float(_seconds(frame))
            if track.offset > soonest + _LEAP:
                # Nothing arrives before it was captured: the RTP clock leapt.
                track.offset = _exact(soonest)
            return
        error = target - float(track.offset)
        leap = _HOLE if track.kind is MediaKind.AUDIO and error > 0 else _LEAP
        if abs(error) > leap or (passed > _PAUSE and abs(error) > _TOLERANCE):
            self._aim(track, frame)
            return
        if abs(error) > _TOLERANCE:
            track.moving = True
        elif abs(error) <= _RESTED:
            track.moving = False
        if track.moving:
            most = _SLEW[track.kind] * float(max(_ZERO, passed))
            track.offset += _exact(max(-most, min(error, most)))


_ZERO = Fraction(0)
#: Of the first picture, which nothing says anything about.
_PICTURE = Fraction(1, 30)


def _seconds(frame: EncodedFrame) -> Fraction:
    return Fraction(frame.pts, frame.codec.clock_rate)


def _telling(frames: list[EncodedFrame]) -> EncodedFrame:
    """The last one that says when it was captured, if there is one."""
    return next((each for each in reversed(frames) if each.wall_clock is not None), frames[-1])


def _exact(seconds: float) -> Fraction:
    return Fraction(round(seconds * _RESOLUTION), _RESOLUTION)
