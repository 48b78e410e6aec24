"""Decodes the frames of a receiver for its track, only while the track is read."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from av import AudioFrame, VideoFrame

from peer.rtp.alarm import Alarm
from peer.rtp.inbound.decode_worker import DecodeWorker
from peer.rtp.inbound.freezes import FreezeMeter
from peer.rtp.inbound.received_track import ReceivedTrack
from peer.rtp.inbound.sound_decoder import SoundDecoder
from peer.rtp.receiving.jitter_buffer import JitterBuffer
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.rtp.codecs import Concealment
    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.inbound.stream_decoding import DecodeEvents
    from peer.rtp.tracks import Frame
    from peer.times import MonotonicTime, Seconds


#: Seconds after a read for which a track counts as read (ours).
LINGER = 2.0
#: Seconds to wait for the end of a decoder's thread (ours).
_JOIN_TIMEOUT = 1.0


class Worker(Protocol):
    """The part of `DecodeWorker` that decoding needs."""

    @property
    def dropped(self) -> int:
        """Frames dropped without being decoded."""

    @property
    def awaits_keyframe(self) -> bool:
        """True while frames are dropped up to the next key frame."""

    def put(self, frame: EncodedFrame) -> None:
        """Add a frame to the queue of the decoder."""

    def end(self) -> None:
        """End the worker, without events any more."""

    async def wait_ended(self, timeout: Seconds) -> None:
        """Wait after `end` until the worker is gone, or `timeout` seconds."""


class WorkerFactory(Protocol):
    """Makes the worker of one period of reading."""

    def __call__(
        self,
        loop: asyncio.AbstractEventLoop,
        events: DecodeEvents,
        clock: Callable[[], MonotonicTime],
        /,
    ) -> Worker:
        """Make a worker that tells its events on the loop."""


@dataclass(slots=True)
class DecodingCounters:
    """The counts of the frames that a receiver decodes.

    Args:
        frames: Frames decoded.
        keyframes: Key frames among these.
        errors: Frames that the decoder refused.
        dropped: Frames not decoded as the decoder was slow, or as frames they build on were lost.
        seconds: Seconds spent decoding.
        width: Width of the last video frame, in pixels.
        height: Height of the last video frame, in pixels.
        samples: Audio samples decoded, or filled in for lost ones.
        concealed: Samples among these that were extrapolated.
        concealments: Losses that were filled in by extrapolated samples.
        recovered: Samples that the packet after a loss had a copy of (in-band FEC).
    """

    frames: int = 0
    keyframes: int = 0
    errors: int = 0
    dropped: int = 0
    seconds: Seconds = 0.0
    width: int | None = None
    height: int | None = None
    samples: int = 0
    concealed: int = 0
    concealments: int = 0
    recovered: int = 0


class ReadActivity:
    """The reads of one track: it is read while a read waits, and for 2 seconds after the last.

    An application that works on a frame between two reads, even for a second, keeps the decoder,
    whose return would cost a key frame.

    Args:
        linger: Seconds after a read for which the track counts as read.
    """

    def __init__(self, linger: Seconds = LINGER) -> None:
        self._linger = linger
        self._waiting = 0
        self._last: MonotonicTime | None = None

    def begin(self) -> None:
        """Note that a read begins."""
        self._waiting += 1

    def end(self, now: MonotonicTime) -> None:
        """Note that a read has ended, with a frame or without."""
        self._waiting -= 1
        self._last = now

    @property
    def deadline(self) -> MonotonicTime | None:
        """Time at which the track stops to count as read; None while a read waits."""
        return None if self._waiting or self._last is None else self._last + self._linger

    def is_active(self, now: MonotonicTime) -> bool:
        """True while the track counts as read."""
        if self._waiting:
            return True
        return self._last is not None and now < self._last + self._linger


_WORKERS: dict[MediaKind, WorkerFactory] = {
    MediaKind.AUDIO: SoundDecoder,
    MediaKind.VIDEO: DecodeWorker,
}


class Decoding:
    """Decodes while the track is read: while a read waits, and for 2 seconds after one.

    A first read, and one after a pause, requests a key frame. While the track is not read, no
    frames are kept, no thread runs and no timer is set.

    Args:
        kind: Audio or video.
        clock: The monotonic clock, in seconds.
        on_keyframe_wanted: Requests a key frame of the peer.
        make_worker: Makes the worker; None for a thread that decodes video, and for a decoder of
            audio on the event loop.

    Attributes:
        track: The track that is read.
        jitter_buffer: Delays frames in front of the decoder.
        freezes: Counts the freezes of the decoded video.
        wants_frames: False while `push` would drop frames, as the track is not read.
    """

    def __init__(
        self,
        kind: MediaKind,
        clock: Callable[[], MonotonicTime],
        on_keyframe_wanted: Callable[[], None],
        *,
        make_worker: WorkerFactory | None = None,
    ) -> None:
        self.track = ReceivedTrack(kind, self)
        self.jitter_buffer = JitterBuffer()
        self.freezes = FreezeMeter()
        self.wants_frames = False
        self._clock = clock
        self._on_keyframe_wanted = on_keyframe_wanted
        self._make_worker = make_worker or _WORKERS[kind]
        self._read_activity = ReadActivity()
        self._alarm = Alarm(clock, self._on_time)
        self._counters = DecodingCounters()
        self._worker: Worker | None = None
        self._former: Worker | None = None
        self._stopped = False

    def __repr__(self) -> str:
        state = "stopped" if self._stopped else "decoding" if self.active else "idle"
        return f"<Decoding {self.track.kind} {state} frames={self._counters.frames}>"

    @property
    def active(self) -> bool:
        """True while there is a worker, as the track is read."""
        return self._worker is not None

    @property
    def counters(self) -> DecodingCounters:
        """The counts of the frames so far."""
        counters = self._counters
        if self._worker is not None:
            return replace(counters, dropped=counters.dropped + self._worker.dropped)
        return replace(counters)

    def begin_read(self) -> None:
        """Note that a read waits for a frame."""
        self._read_activity.begin()
        self.wants_frames = not self._stopped
        if self._worker is None and not self._stopped:
            self._on_keyframe_wanted()

    def end_read(self) -> None:
        """Note that a read has a frame, or waits no more."""
        self._read_activity.end(self._clock())
        if self._worker is not None:
            self._set_alarm()

    def push(self, frame: EncodedFrame, now: MonotonicTime) -> None:
        """Take the next frame; drop it where the track is not read."""
        worker = self._worker
        if worker is None:
            if self._stopped or not self._read_activity.is_active(now):
                self.wants_frames = False
                return
            # Not before there is a frame to decode: many tracks are waited for in vain.
            worker = self._make_worker(asyncio.get_running_loop(), self, self._clock)
            self._worker = worker
        self.jitter_buffer.push(frame, now)
        self._release(worker, now)

    def on_decoded(self, frames: Sequence[Frame], source: EncodedFrame, seconds: Seconds) -> None:
        """Take the frames decoded of `source`, and the seconds that it took."""
        counters = self._counters
        counters.seconds += seconds
        counters.frames += len(frames)
        counters.keyframes += source.keyframe and bool(frames)
        for frame in frames:
            if isinstance(frame, VideoFrame):
                counters.width, counters.height = frame.width, frame.height
                self.freezes.on_frame(self._clock())
            elif isinstance(frame, AudioFrame):
                counters.samples += frame.samples
        self.track.put(frames)

    def on_concealed(self, concealment: Concealment) -> None:
        """Take the frames that fill in for lost sound."""
        counters = self._counters
        counters.samples += concealment.concealed + concealment.recovered
        counters.concealed += concealment.concealed
        counters.concealments += concealment.concealed > 0
        counters.recovered += concealment.recovered
        self.track.put(concealment.frames)

    def on_undecodable(self, source: EncodedFrame) -> None:
        """Count a frame that the decoder refused, and request a key frame."""
        self._counters.errors += 1
        self._on_keyframe_wanted()

    def stop(self) -> None:
        """End the track after the frames decoded by now."""
        self._stopped = True
        self.wants_frames = False
        self._alarm.cancel()
        self._end_worker()
        self.track.finish()

    async def ended(self) -> None:
        """Wait after `stop` until the thread is gone, for a second at most."""
        former, self._former = self._former, None
        if former is not None:
            await former.wait_ended(_JOIN_TIMEOUT)

    def _on_time(self, now: MonotonicTime) -> None:
        worker = self._worker
        if worker is None:
            return
        if self._read_activity.is_active(now):
            self._release(worker, now)
            return
        self._end_worker()
        self.track.drop_waiting()

    def _release(self, worker: Worker, now: MonotonicTime) -> None:
        for frame in self.jitter_buffer.pop(now):
            awaited = worker.awaits_keyframe
            worker.put(frame)
            if worker.awaits_keyframe and not awaited:
                # The decoder was too slow, and lost frames that the rest builds on.
                self._on_keyframe_wanted()
        self._set_alarm()

    def _set_alarm(self) -> None:
        due, inactive_at = self.jitter_buffer.deadline, self._read_activity.deadline
        if due is None or (inactive_at is not None and inactive_at < due):
            due = inactive_at
        self._alarm.set(due)

    def _end_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            self._former = worker
            self._counters.dropped += worker.dropped
            worker.end()
            self.jitter_buffer.clear()
            self.freezes.interrupt()
