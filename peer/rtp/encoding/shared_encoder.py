"""Encodes a track once for all subscriptions with the same settings."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import deque
from dataclasses import astuple
from fractions import Fraction
from typing import TYPE_CHECKING

from av import AudioFrame, VideoFrame

from peer.rtp.codecs import EncodedAudioPacket
from peer.rtp.codecs.video_encoder import DEFAULT_BITRATE
from peer.rtp.encoding.framerate import FramerateLimiter
from peer.rtp.encoding.keyframes import KeyframeRequestMerger
from peer.rtp.encoding.outgoing import OutgoingFrame
from peer.rtp.encoding.passthrough import pass_through
from peer.rtp.encoding.worker import EncodeJob, EncoderWorker, threads_of
from peer.rtp.formats import format_of
from peer.rtp_parameters import MediaKind
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoding.settings import EncodingSettings
    from peer.rtp.encoding.track_frame import TrackFrame
    from peer.rtp.encoding.worker import Encoded, EncodeResult
    from peer.times import MonotonicTime

logger = logging.getLogger(__name__)

# Frames that wait for the encoder. Of video only the newest one is worth encoding.
MAX_WAITING = {MediaKind.AUDIO: 50, MediaKind.VIDEO: 1}
#: Seconds of audio at most that are encoded on the event loop itself (ours): those of the longest
#: packets (RFC 6716 section 2.1.4), some 0.6 ms of work.
AT_ONCE = 0.12


@dataclass(frozen=True, slots=True)
class SubscriptionCounts:
    """Counts the frames of a track under one encoder since it was made.

    Args:
        read: Frames that the track gave.
        encoded: Video frames or audio packets that the encoder made.
        passed: Encoded frames that were passed through.
        lagged: Frames dropped because the encoder was busy.
        unusable: Frames of another codec or form than negotiated, and frames that could not be
            encoded.
    """

    read: int = 0
    encoded: int = 0
    passed: int = 0
    lagged: int = 0
    unusable: int = 0


@dataclasses.dataclass(slots=True)
class _Counts:
    read: int = 0
    encoded: int = 0
    passed: int = 0
    lagged: int = 0
    unusable: int = 0


@dataclasses.dataclass(slots=True, eq=False)
class Subscriber:
    """A subscription as its shared encoder sees it.

    Args:
        on_frame: As of `subscribe`.
        on_ended: As of `subscribe`.
        on_error: As of `subscribe`.
        active: Whether the subscriber wants frames now.
        started: Whether the subscriber has had the keyframe that video begins with.
        bitrate: Highest bitrate in bits/s that the subscriber can take; None where not known.
    """

    on_frame: Callable[[OutgoingFrame], None]
    on_ended: Callable[[], None]
    on_error: Callable[[Exception], None]
    active: bool = True
    started: bool = False
    bitrate: int | None = None

    def takes(self, *, keyframe: bool) -> bool:
        """Return True where a frame is for this subscriber; its first one is a keyframe."""
        if not self.active:
            return False
        self.started = self.started or keyframe
        return self.started


class SharedEncoder:
    """Encodes or passes through the frames of a track, and gives them to its subscribers.

    It lives on the event loop. `EncoderWorker` runs on other threads, but for short audio: 20 ms of
    it take some 100 microseconds, less than a thread and the way back take where the machine is
    busy. The first frame always has a thread, which loads and opens the encoder.

    Args:
        settings: Settings of all subscribers.
        clock: Monotonic clock, by which frames are captured.
        ask_track: Asks a track of encoded frames for a keyframe.
        worker: Encoder; its `run` is called on another thread, one job at a time.
    """

    def __init__(
        self,
        settings: EncodingSettings,
        *,
        clock: Callable[[], MonotonicTime],
        ask_track: Callable[[], None],
        worker: EncoderWorker | None = None,
    ) -> None:
        self._settings = settings
        self._kind = settings.codec.kind
        self._clock = clock
        self._ask_track = ask_track
        self._subscribers: list[Subscriber] = []
        self._format = format_of(settings.codec)
        self._worker = worker or EncoderWorker(settings)
        self._waiting: deque[TrackFrame] = deque()
        self._running = False
        # Whether a thread has opened the encoder.
        self._opened = False
        self._finishing = False
        self._keyframes = KeyframeRequestMerger()
        # Requests to a track of encoded frames, which answers later.
        self._track_keyframes = KeyframeRequestMerger()
        self._framerate = FramerateLimiter(settings.max_framerate)
        # Whether the track gives encoded frames; None before its first one.
        self._passes_through: bool | None = None
        self._failing = False
        self._counts = _Counts()

    def __repr__(self) -> str:
        """Show the codec, the number of subscribers and the frames encoded."""
        return (
            f"<SharedEncoder {self._settings.codec.mimeType}"
            f" subscribers={len(self._subscribers)} encoded={self._counts.encoded}>"
        )

    @property
    def counts(self) -> SubscriptionCounts:
        """The counts of the track's frames so far."""
        return SubscriptionCounts(*astuple(self._counts))

    @property
    def empty(self) -> bool:
        """True where no subscriber is left."""
        return not self._subscribers

    @property
    def busy(self) -> bool:
        """True where another frame would have to wait, or no subscriber wants one."""
        return bool(self._waiting) or not any(each.active for each in self._subscribers)

    @property
    def idle(self) -> bool:
        """True where the encoder has done all that it was given."""
        return not self._running and not self._waiting

    @property
    def target_bitrate(self) -> int | None:
        """The target bitrate of the encoder in bits/s; None for audio."""
        if self._kind is not MediaKind.VIDEO:
            return None
        wanted = [
            each.bitrate for each in self._subscribers if each.active and each.bitrate is not None
        ]
        return min(wanted, default=DEFAULT_BITRATE)

    def add(self, subscriber: Subscriber) -> None:
        """Give frames to one more subscriber, from a keyframe on."""
        self._subscribers.append(subscriber)
        self.request_keyframe()

    def remove(self, subscriber: Subscriber) -> None:
        """Give no more frames to a subscriber."""
        subscriber.active = False
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)

    def request_keyframe(self) -> None:
        """Request a keyframe as soon as the interval between keyframes allows."""
        self._keyframes.request()
        self._track_keyframes.request()
        if self._passes_through is not False:
            self._ask_track_when_due()

    def on_frame(self, frame: TrackFrame) -> None:
        """Take the next frame of the track."""
        self._counts.read += 1
        if not any(each.active for each in self._subscribers):
            self._waiting.clear()
            return
        self._passes_through = not isinstance(frame.item, AudioFrame | VideoFrame)
        if self._passes_through:
            self._pass_through(frame)
        elif self._kind is MediaKind.AUDIO or self._framerate.is_due(frame.time):
            if len(self._waiting) == MAX_WAITING[self._kind]:
                self._waiting.popleft()
                self._counts.lagged += 1
            self._waiting.append(frame)
            self._start()

    def fail(self, error: Exception) -> None:
        """Tell all subscribers an error, once until a frame succeeds."""
        if not self._failing:
            self._failing = True
            for subscriber in tuple(self._subscribers):
                subscriber.on_error(error)

    def finish(self) -> None:
        """End all subscriptions once the encoder is done, since the track has ended."""
        self._finishing = True
        self._finish_when_done()

    def _start(self) -> None:
        if self._running or not self._waiting:
            return
        frames = tuple(self._waiting)
        self._waiting.clear()
        if self._kind is MediaKind.VIDEO:
            self._framerate.on_encoded(frames[0].time)
        job = EncodeJob(
            frames,
            keyframe=self._keyframes.is_due(frames[0].capture_monotonic),
            bitrate=self.target_bitrate,
        )
        if self._opened and self._is_short(frames):
            self._take(self._worker.run(job))
            return
        self._running = True
        done = asyncio.get_running_loop().run_in_executor(
            threads_of(self._kind), self._worker.run, job
        )
        done.add_done_callback(self._on_done)

    def _on_done(self, done: asyncio.Future[tuple[EncodeResult, ...]]) -> None:
        self._running = False
        if done.cancelled():
            return
        self._opened = True
        self._take(done.result())
        self._start()
        self._finish_when_done()

    def _take(self, results: tuple[EncodeResult, ...]) -> None:
        for result in results:
            self._on_result(result)

    def _is_short(self, frames: tuple[TrackFrame, ...]) -> bool:
        seconds = 0.0
        for frame in frames:
            item = frame.item
            if not isinstance(item, AudioFrame) or not item.sample_rate:
                return False
            seconds += item.samples / item.sample_rate
        return seconds <= AT_ONCE

    def _on_result(self, result: EncodeResult) -> None:
        if result.error is not None:
            # Later frames can only be decoded from a keyframe on.
            self._keyframes.request()
            self._refuse(result.error)
        for encoded in result.encoded:
            self._counts.encoded += 1
            self._packetize(result, encoded)

    def _packetize(self, result: EncodeResult, encoded: Encoded) -> None:
        audio = encoded if isinstance(encoded, EncodedAudioPacket) else None
        video = None if isinstance(encoded, EncodedAudioPacket) else encoded
        keyframe = video is None or video.keyframe
        try:
            payloads = self._format.packetize(
                encoded.payload, keyframe=keyframe, limit=self._settings.payload_limit
            )
        except ValueError as error:
            self._refuse(error)
            return
        frame = OutgoingFrame(
            payloads=tuple(payloads),
            pts=encoded.pts,
            time_base=encoded.time_base,
            duration=Fraction(0) if audio is None else audio.duration,
            keyframe=keyframe,
            level=None if audio is None else audio.level,
            capture_monotonic=result.frame.capture_monotonic,
            capture_time=result.frame.capture_time,
            size=len(encoded.payload),
            encode_time=result.seconds / len(result.encoded),
            width=None if video is None else video.width,
            height=None if video is None else video.height,
        )
        self._deliver(frame)

    def _pass_through(self, track_frame: TrackFrame) -> None:
        try:
            frame = pass_through(track_frame, self._settings, self._format)
        except ValueError as error:
            self._refuse(error)
            return
        if frame is None:
            return
        self._counts.passed += 1
        self._deliver(frame)
        if any(each.active and not each.started for each in self._subscribers):
            self._track_keyframes.request()
        self._ask_track_when_due()

    def _deliver(self, frame: OutgoingFrame) -> None:
        self._failing = False
        if frame.keyframe:
            self._keyframes.on_keyframe(frame.capture_monotonic)
            self._track_keyframes.on_keyframe(frame.capture_monotonic)
        for subscriber in tuple(self._subscribers):
            if subscriber.takes(keyframe=frame.keyframe):
                try:
                    subscriber.on_frame(frame)
                except Exception:
                    logger.exception("a sender failed to take a frame")

    def _refuse(self, error: Exception) -> None:
        self._counts.unusable += 1
        self.fail(error)

    def _ask_track_when_due(self) -> None:
        now = self._clock()
        if self._kind is MediaKind.VIDEO and self._track_keyframes.is_due(now):
            self._track_keyframes.on_keyframe(now)
            self._ask_track()

    def _finish_when_done(self) -> None:
        if self._finishing and self.idle:
            for subscriber in tuple(self._subscribers):
                self.remove(subscriber)
                subscriber.on_ended()
