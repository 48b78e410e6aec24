"""Owns `SharedEncoding`: one encoder of a track, for all subscriptions with equal settings."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING

from av import AudioFrame, VideoFrame

from peer.rtp.codecs import EncodedSound
from peer.rtp.codecs.video_encoder import DEFAULT_BITRATE
from peer.rtp.encoding.counts import Tally
from peer.rtp.encoding.framerate import FramerateLimit
from peer.rtp.encoding.keyframes import KeyframeRequests
from peer.rtp.encoding.outgoing import OutgoingFrame
from peer.rtp.encoding.passing import pass_on
from peer.rtp.encoding.worker import EncoderWorker, Job, threads_of
from peer.rtp.formats import format_of
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.codecs import EncodedPicture
    from peer.rtp.encoding.counts import SubscriptionCounts
    from peer.rtp.encoding.member import Member
    from peer.rtp.encoding.reading import Reading
    from peer.rtp.encoding.settings import EncodingSettings
    from peer.rtp.encoding.worker import Made

logger = logging.getLogger(__name__)

# Frames that wait for the encoder. Of pictures only the newest one is worth encoding.
WAITING = {MediaKind.AUDIO: 50, MediaKind.VIDEO: 1}


class SharedEncoding:
    """Lives on the event loop; only `EncoderWorker` is used by other threads.

    Args:
        settings: What its members have in common.
        clock: Seconds, monotonic: the one that readings are stamped with.
        ask_track: Asks a track of encoded frames for a key frame.
        worker: Its `run` is called in another thread, for one job at a time.
    """

    def __init__(
        self,
        settings: EncodingSettings,
        *,
        clock: Callable[[], float],
        ask_track: Callable[[], None],
        worker: EncoderWorker | None = None,
    ) -> None:
        self._settings = settings
        self._kind = settings.codec.kind
        self._clock = clock
        self._ask_track = ask_track
        self._members: list[Member] = []
        self._format = format_of(settings.codec)
        self._worker = worker or EncoderWorker(settings)
        self._waiting: deque[Reading] = deque()
        self._running = False
        self._finishing = False
        self._keyframes = KeyframeRequests()
        # The same for a track of encoded frames, which is asked and answers later.
        self._questions = KeyframeRequests()
        self._framerate = FramerateLimit(settings.max_framerate)
        # Whether the track gives encoded frames; None before its first one.
        self._passing: bool | None = None
        self._failing = False
        self._tally = Tally()

    @property
    def counts(self) -> SubscriptionCounts:
        """What became of the track's frames so far."""
        return self._tally.counts()

    @property
    def empty(self) -> bool:
        """Whether nobody subscribes to it any more."""
        return not self._members

    @property
    def busy(self) -> bool:
        """Whether more frames than the encoder is at would have to wait, or would be for nobody."""
        return bool(self._waiting) or not any(member.active for member in self._members)

    @property
    def idle(self) -> bool:
        """Whether the encoder has done all that it was given."""
        return not self._running and not self._waiting

    @property
    def target_bitrate(self) -> int | None:
        """What the encoder aims at, in bits a second; None for sound."""
        if self._kind is not MediaKind.VIDEO:
            return None
        asked = [m.bitrate for m in self._members if m.active and m.bitrate is not None]
        return min(asked, default=DEFAULT_BITRATE)

    def join(self, member: Member) -> None:
        """Give frames to one more, from a key frame on."""
        self._members.append(member)
        self.request_keyframe()

    def leave(self, member: Member) -> None:
        """Give it nothing any more."""
        member.active = False
        if member in self._members:
            self._members.remove(member)

    def request_keyframe(self) -> None:
        """One is wanted, as soon as that may be."""
        self._keyframes.request()
        self._questions.request()
        if self._passing is not False:
            self._ask()

    def offer(self, reading: Reading) -> None:
        """Take what the track gave."""
        self._tally.read += 1
        if not any(member.active for member in self._members):
            self._waiting.clear()
            return
        self._passing = not isinstance(reading.item, AudioFrame | VideoFrame)
        if self._passing:
            self._pass_on(reading)
        elif self._kind is MediaKind.AUDIO or self._framerate.due(reading.time):
            if len(self._waiting) == WAITING[self._kind]:
                self._waiting.popleft()
                self._tally.lagged += 1
            self._waiting.append(reading)
            self._start()

    def fail(self, error: Exception) -> None:
        """Say why nothing comes, once until something does."""
        if not self._failing:
            self._failing = True
            for member in tuple(self._members):
                member.on_error(error)

    def finish(self) -> None:
        """The track has ended: so does this, once the encoder is done with what it was given."""
        self._finishing = True
        self._finish_when_done()

    def _start(self) -> None:
        if self._running or not self._waiting:
            return
        readings = tuple(self._waiting)
        self._waiting.clear()
        if self._kind is MediaKind.VIDEO:
            self._framerate.taken(readings[0].time)
        job = Job(
            readings,
            keyframe=self._keyframes.due(readings[0].capture_monotonic),
            bitrate=self.target_bitrate,
        )
        self._running = True
        done = asyncio.get_running_loop().run_in_executor(
            threads_of(self._kind), self._worker.run, job
        )
        done.add_done_callback(self._take)

    def _take(self, done: asyncio.Future[tuple[Made, ...]]) -> None:
        self._running = False
        if done.cancelled():
            return
        for made in done.result():
            self._take_made(made)
        self._start()
        self._finish_when_done()

    def _take_made(self, made: Made) -> None:
        if made.error is not None:
            # What comes next can only be shown from a key frame on.
            self._keyframes.request()
            self._refuse(made.error)
        for result in made.results:
            self._tally.encoded += 1
            self._send(made, result)

    def _send(self, made: Made, result: EncodedPicture | EncodedSound) -> None:
        sound = result if isinstance(result, EncodedSound) else None
        picture = None if isinstance(result, EncodedSound) else result
        keyframe = picture is None or picture.keyframe
        try:
            payloads = self._format.packetize(
                result.payload, keyframe=keyframe, limit=self._settings.payload_limit
            )
        except ValueError as error:
            self._refuse(error)
            return
        frame = OutgoingFrame(
            payloads=tuple(payloads),
            pts=result.pts,
            time_base=result.time_base,
            duration=Fraction(0) if sound is None else sound.duration,
            keyframe=keyframe,
            level=None if sound is None else sound.level,
            capture_monotonic=made.reading.capture_monotonic,
            capture_time=made.reading.capture_time,
            size=len(result.payload),
            encode_time=made.seconds / len(made.results),
            width=None if picture is None else picture.width,
            height=None if picture is None else picture.height,
        )
        self._deliver(frame)

    def _pass_on(self, reading: Reading) -> None:
        try:
            frame = pass_on(reading, self._settings, self._format)
        except ValueError as error:
            self._refuse(error)
            return
        if frame is None:
            return
        self._tally.passed += 1
        self._deliver(frame)
        if any(member.active and not member.ready for member in self._members):
            self._questions.request()
        self._ask()

    def _deliver(self, frame: OutgoingFrame) -> None:
        self._failing = False
        if frame.keyframe:
            self._keyframes.made(frame.capture_monotonic)
            self._questions.made(frame.capture_monotonic)
        for member in tuple(self._members):
            if member.wants(keyframe=frame.keyframe):
                try:
                    member.on_frame(frame)
                except Exception:
                    logger.exception("a sender failed to take a frame")

    def _refuse(self, error: Exception) -> None:
        self._tally.unusable += 1
        self.fail(error)

    def _ask(self) -> None:
        now = self._clock()
        if self._kind is MediaKind.VIDEO and self._questions.due(now):
            self._questions.made(now)
            self._ask_track()

    def _finish_when_done(self) -> None:
        if self._finishing and self.idle:
            for member in tuple(self._members):
                self.leave(member)
                member.on_ended()
