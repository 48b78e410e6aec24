"""Owns the way from the encoded frames of a receiver to its track, open only while that is read."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from av import AudioFrame, VideoFrame

from peer.rtp.alarm import Alarm
from peer.rtp.inbound.decode_worker import DecodeWorker
from peer.rtp.inbound.freezes import FreezeMeter
from peer.rtp.inbound.read_activity import ReadActivity
from peer.rtp.inbound.received_track import ReceivedTrack
from peer.rtp.receiving.jitter_buffer import JitterBuffer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.inbound.decode_worker import WorkerEvents
    from peer.rtp.tracks import Frame
    from peer.rtp_parameters import MediaKind

#: How long the end of a decoder's thread is waited for, in seconds.
_PATIENCE = 1.0


class Worker(Protocol):
    """What decodes, beside the event loop; see `DecodeWorker`."""

    @property
    def dropped(self) -> int:
        """Frames that were not decoded."""

    @property
    def awaits_keyframe(self) -> bool:
        """Whether nothing is decoded before the next key frame."""

    def put(self, frame: EncodedFrame) -> None:
        """Decode this one as well."""

    def end(self) -> None:
        """Tell nothing any more."""

    def join(self, seconds: float) -> None:
        """Wait for the end."""


class WorkerFactory(Protocol):
    """Makes the worker for one time of being read."""

    def __call__(
        self,
        loop: asyncio.AbstractEventLoop,
        events: WorkerEvents,
        clock: Callable[[], float],
        /,
    ) -> Worker:
        """Events are told on the loop."""


@dataclass(slots=True)
class DecodingCounters:
    """What came of the frames that were to be decoded.

    Args:
        frames: Decoded.
        keyframes: Of them.
        errors: Frames that the decoder refused.
        dropped: Frames that were not decoded, as the decoder was slow or what they build on lost.
        seconds: Spent decoding.
        width: Of the last picture, in pixels.
        height: Of the last picture, in pixels.
        samples: Of sound.
    """

    frames: int = 0
    keyframes: int = 0
    errors: int = 0
    dropped: int = 0
    seconds: float = 0.0
    width: int | None = None
    height: int | None = None
    samples: int = 0


class Decoding:
    """Decodes while somebody reads the track: a read waits, or was there within 2 seconds.

    Who begins to read, or reads again, has a key frame asked for. Nothing is kept, no thread runs
    and no clock ticks while nobody does.

    Args:
        kind: Audio or video.
        clock: Monotonic, in seconds.
        on_keyframe_wanted: Asks the peer for a key frame.
        make_worker: For tests.

    Attributes:
        track: What is read.
        jitter_buffer: The delay in front of the decoder.
        freezes: Of the pictures that came out.
    """

    def __init__(
        self,
        kind: MediaKind,
        clock: Callable[[], float],
        on_keyframe_wanted: Callable[[], None],
        *,
        make_worker: WorkerFactory = DecodeWorker,
    ) -> None:
        self.track = ReceivedTrack(kind, self)
        self.jitter_buffer = JitterBuffer()
        self.freezes = FreezeMeter()
        self._clock = clock
        self._on_keyframe_wanted = on_keyframe_wanted
        self._make_worker = make_worker
        self._read_activity = ReadActivity()
        self._alarm = Alarm(clock, self._on_time)
        self._counters = DecodingCounters()
        self._worker: Worker | None = None
        self._former: Worker | None = None
        self._stopped = False

    @property
    def active(self) -> bool:
        """Whether somebody reads."""
        return self._worker is not None

    @property
    def counters(self) -> DecodingCounters:
        """So far."""
        counters = self._counters
        if self._worker is not None:
            return replace(counters, dropped=counters.dropped + self._worker.dropped)
        return replace(counters)

    def begin_read(self) -> None:
        """Somebody waits for a frame."""
        self._read_activity.begin()
        if self._worker is None and not self._stopped:
            self._on_keyframe_wanted()

    def end_read(self) -> None:
        """Somebody has a frame, or waits no more."""
        self._read_activity.end(self._clock())
        if self._worker is not None:
            self._set_alarm()

    def push(self, frame: EncodedFrame, now: float) -> None:
        """Take the next frame; it is dropped where nobody reads."""
        worker = self._worker
        if worker is None:
            if self._stopped or not self._read_activity.lasts(now):
                return
            # No sooner than there is something to decode: many tracks are waited for in vain.
            worker = self._make_worker(asyncio.get_running_loop(), self, self._clock)
            self._worker = worker
        self.jitter_buffer.push(frame, now)
        self._release(worker, now)

    def on_decoded(self, frames: Sequence[Frame], source: EncodedFrame, seconds: float) -> None:
        """Frames came of an encoded one, in so much time."""
        counters = self._counters
        counters.seconds += seconds
        counters.frames += len(frames)
        counters.keyframes += source.keyframe and bool(frames)
        for frame in frames:
            if isinstance(frame, VideoFrame):
                counters.width, counters.height = frame.width, frame.height
                self.freezes.picture(self._clock())
            elif isinstance(frame, AudioFrame):
                counters.samples += frame.samples
        self.track.put(frames)

    def on_undecodable(self, source: EncodedFrame) -> None:
        """The decoder refused a frame."""
        self._counters.errors += 1
        self._on_keyframe_wanted()

    def stop(self) -> None:
        """End the track; what had been decoded can still be read."""
        self._stopped = True
        self._alarm.cancel()
        self._end_worker()
        self.track.finish()

    async def ended(self) -> None:
        """Wait until the thread is gone, for a second at most; to be called after `stop`."""
        former, self._former = self._former, None
        if former is not None:
            await asyncio.to_thread(former.join, _PATIENCE)

    def _on_time(self, now: float) -> None:
        worker = self._worker
        if worker is None:
            return
        if self._read_activity.lasts(now):
            self._release(worker, now)
            return
        self._end_worker()
        self.track.discard()

    def _release(self, worker: Worker, now: float) -> None:
        for frame in self.jitter_buffer.pop(now):
            awaited = worker.awaits_keyframe
            worker.put(frame)
            if worker.awaits_keyframe and not awaited:
                # The decoder was too slow, and lost what the rest builds on.
                self._on_keyframe_wanted()
        self._set_alarm()

    def _set_alarm(self) -> None:
        due, leaving = self.jitter_buffer.deadline, self._read_activity.deadline
        if due is None or (leaving is not None and leaving < due):
            due = leaving
        self._alarm.set(due)

    def _end_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            self._former = worker
            self._counters.dropped += worker.dropped
            worker.end()
            self.jitter_buffer.clear()
            self.freezes.interrupt()
