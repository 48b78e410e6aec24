"""Recorder of tracks into media files: the public surface of recording."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, overload

from media.recording.bridge import LoopBridge, LoopListener
from media.recording.containers import Container
from media.recording.errors import DestinationError
from media.recording.events import (
    Progress,
    RecordingEvent,
    RecordingFailure,
    Segment,
    Transcoding,
    TranscodingReason,
)
from media.recording.inputs import EncodedInput, RawInput, ReceiverInput, RecorderInput
from media.recording.segments import FileNames, SegmentRule
from media.recording.sidecar import Sidecar
from media.recording.sinks.chosen import check, delivery_of, destination_of
from media.recording.timeline import Timeline
from media.recording.transcode import TranscodingPlan
from media.recording.write_queue import Ended, Expect, Finish, WriteQueue
from media.recording.writer import Writer
from peer import InvalidStateError, RtpReceiver
from peer.emitter import EventEmitter
from peer.rtp.inbound.encoded_track import EncodedTrack
from peer.rtp_parameters import MediaKind
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from pathlib import Path

    from aiortc.mediastreams import MediaStreamTrack

    from media.recording.sinks.delivery import Upload
    from media.recording.sinks.stream import Writable
    from peer.emitter import Decorator, Handler, Takes


#: Seconds between two advances of the timeline without a frame (ours).
_TICK = 0.1
#: Seconds between two requests for a key frame of a track (ours).
_REQUEST_INTERVAL = 0.5
#: Seconds that `stop` waits for a disk that does not answer (ours).
_STOP_TIMEOUT = 10.0


class RecorderState(StrEnum):
    """States of a recorder, as in W3C MediaRecorder."""

    INACTIVE = "inactive"
    RECORDING = "recording"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class RecorderStats:
    """Counters of a recording.

    Args:
        duration: Duration of all files so far, in seconds.
        size: Size of all files so far, in bytes.
        frames: Number of frames written.
        dropped: Number of frames dropped because the disk was too slow.
        gaps: Number of places where frames were lost by the network.
        overlapped: Number of audio packets left out because their time was taken.
        files: Complete files in order; at most the last 1000.
        transcoding: Tracks that are transcoded.
    """

    duration: float = 0.0
    size: int = 0
    frames: int = 0
    dropped: int = 0
    gaps: int = 0
    overlapped: int = 0
    files: tuple[Segment, ...] = ()
    transcoding: tuple[Transcoding, ...] = ()


@dataclasses.dataclass(slots=True)
class _Entry:
    source: object  # the receiver of a peer's track, or else the track
    input: RecorderInput
    sender: Hashable | None
    given: bool = False
    expected: bool = False
    ended: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def clock(self) -> Hashable:
        """Identity of the sender whose clock stamps the track."""
        return self.input.sender if self.sender is None else ("named", self.sender)


class Recorder:
    """Records any number of tracks into a file, or a series of them, in sync.

    A peer's frames are written without decoding where the container takes the codec; otherwise a
    `transcoding` event is emitted. A failing disk raises nothing: an `error` event tells what
    failed, the written files stay playable, and the call goes on. The recording goes on in the next
    file as soon as one can be written; it ends where none ever could.

    Args:
        path: Path of the file; the suffix selects the container. With a field `{n}`, as
            `out-{n:03}.webm`, the template of a series; else the second file is `out-2.webm`.
            Existing names of a series are skipped. Or a URL that fsspec knows; or a file-like
            object that takes bytes, which holds one file, need not seek, and stays open. Or an
            `Upload`, which is handed parts while the recording is made.
        format: Container where the suffix does not tell: mp4, webm, matroska, ogg or hls.
        options: As of aiortc's MediaRecorder; there are none here, and only none is accepted.
        segment_duration: Seconds after which the next file begins, at a key frame.
        segment_size: Bytes after which the next file begins.
        transcode: Names of codecs to write tracks in, at most one of each kind.
        anew: True to overwrite the file at `path`, as aiortc does; else the recording begins with
            the next free name of the series.
        sidecar: True for JSON beside each file, `out.webm.json`: its begin by the wall clock, who
            is on which track, pauses, gaps and losses, and how it ended.

    Raises:
        DestinationError: The destination cannot hold that format, a series or a sidecar; a
            ValueError.
        ValueError: The suffix or format is unknown, the container does not take a codec to
            transcode to, two of these are of one kind, the template is malformed, a limit is not
            above 0, or there are options.
    """

    def __init__(
        self,
        path: str | Path | Writable | Upload,
        *,
        format: str | None = None,  # noqa: A002 - as in aiortc's MediaRecorder
        options: Mapping[str, str] | None = None,
        segment_duration: float | None = None,
        segment_size: int | None = None,
        transcode: str | Sequence[str] | None = None,
        anew: bool = True,
        sidecar: bool = False,
    ) -> None:
        if options:
            raise ValueError(f"a recorder takes no options of FFmpeg: {', '.join(options)}")
        wanted = (transcode,) if isinstance(transcode, str) else tuple(transcode or ())
        self._destination = destination_of(path, anew=anew)
        self._container = Container.of(self._destination.name(1), format)
        self._plan = TranscodingPlan(self._container, wanted)
        self._rule = SegmentRule(segment_duration, segment_size)
        check(self._destination, self._container, self._rule)
        self._delivery = delivery_of(self._destination)
        if sidecar and not isinstance(self._destination, FileNames):
            raise DestinationError("a sidecar lies beside a file: give a path")
        self._sidecar = Sidecar(self._container) if sidecar else None
        self._paused_at = 0.0
        self._events = EventEmitter("Recorder", RecordingEvent)
        self._timeline = Timeline()
        self._queue = WriteQueue()
        self._entries: dict[int, _Entry] = {}
        self._stats = RecorderStats()
        self._gaps = 0
        self._state = RecorderState.INACTIVE
        self._started = False
        self._bridge: LoopBridge | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._ending: list[asyncio.Task[None]] = []
        self._asked: dict[Hashable, float] = {}

    def __repr__(self) -> str:
        return f"<Recorder {self._state.value} {self._container.value} tracks={len(self._entries)}>"

    @property
    def state(self) -> RecorderState:
        """The recorder's state, which is inactive also after the end of the recording."""
        return self._state

    @property
    def stats(self) -> RecorderStats:
        """The counters of the recording so far."""
        return replace(
            self._stats,
            dropped=self._queue.dropped,
            gaps=self._gaps,
            overlapped=self._timeline.overlapped,
        )

    @overload
    def on(self, event: Literal["progress"]) -> Decorator[Progress]: ...
    @overload
    def on(self, event: Literal["progress"], handler: Takes[Progress]) -> Takes[Progress]: ...
    @overload
    def on(self, event: Literal["error"]) -> Decorator[RecordingFailure]: ...
    @overload
    def on(
        self, event: Literal["error"], handler: Takes[RecordingFailure]
    ) -> Takes[RecordingFailure]: ...
    @overload
    def on(self, event: Literal["segment"]) -> Decorator[Segment]: ...
    @overload
    def on(self, event: Literal["segment"], handler: Takes[Segment]) -> Takes[Segment]: ...
    @overload
    def on(self, event: Literal["transcoding"]) -> Decorator[Transcoding]: ...
    @overload
    def on(
        self, event: Literal["transcoding"], handler: Takes[Transcoding]
    ) -> Takes[Transcoding]: ...
    def on(self, event: str, handler: Any = None) -> Any:
        """Add a handler of `progress`, `error`, `segment` or `transcoding`; also a decorator.

        Raises:
            ValueError: A Recorder has no event of that name.
        """
        return self._events.subscribe(event, handler)

    def remove_listener(self, event: str, handler: Handler) -> None:
        """Take a handler away; nothing happens where it is not subscribed."""
        self._events.remove_listener(event, handler)

    def addTrack(
        self,
        track: MediaStreamTrack | RtpReceiver,
        *,
        sender: Hashable | None = None,
        name: str = "",
    ) -> None:
        """Record a track as well, also while the recording runs; nothing happens for one that is.

        One that a peer sends is written as it comes. It may be given to others as well, but for an
        `EncodedTrack`. Others are encoded. Where one of the same kind has ended, the new one goes
        on in its place in the file; else the next file begins.

        Args:
            track: As an event of a connection has it, or any other.
            sender: Whose it is: the tracks of one are stamped by one clock. By default those of a
                connection are; where it is that of a server which forwards, say whose they are.
            name: Name of the participant, for the sidecar.

        Raises:
            InvalidStateError: The recording has ended.
            ValueError: The container has no place for what would have to be encoded.
        """
        if self._started and self._state is RecorderState.INACTIVE:
            raise InvalidStateError("the recording has ended")
        receiver = getattr(track, "receiver", None)
        source = receiver if isinstance(receiver, RtpReceiver) else track
        if any(each.source is source and not each.ended for each in self._entries.values()):
            # As `track` events tell of it again after hold.
            return
        made = self._input(source)
        key = self._place(made.kind)
        self._entries[key] = _Entry(source, made, sender)
        if self._sidecar is not None:
            named = track.track if isinstance(track, RtpReceiver) else track
            is_verified = (lambda: source.verified) if isinstance(source, RtpReceiver) else None
            peer = (lambda: source.peer) if isinstance(source, RtpReceiver) else None
            self._sidecar.joined(key, name=name, track=named.id, is_verified=is_verified, peer=peer)
        if self._started:
            self._read(key)

    async def start(self) -> None:
        """Begin to record, each video track at its next key frame, which is requested.

        Raises:
            InvalidStateError: The recorder was started before.
        """
        if self._started:
            raise InvalidStateError("the recording was started before")
        self._started = True
        self._state = RecorderState.RECORDING
        listener = LoopListener(
            on_progress=self._on_progress,
            on_segment=self._on_segment,
            on_failure=self._on_failure,
            on_keyframe_wanted=self._on_keyframe_wanted,
            on_transcoding=self._on_transcoding,
        )
        self._bridge = LoopBridge(asyncio.get_running_loop(), listener)
        writer = Writer(
            self._queue,
            names=self._destination,
            container=self._container,
            rule=self._rule,
            plan=self._plan,
            listener=self._bridge,
            sidecar=self._sidecar,
        )
        if self._delivery is not None:
            self._delivery.start(self._on_failure)
        writer.start()
        for key in self._entries:
            self._read(key)
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Complete the last file, while the tracks go on; may be called repeatedly.

        The file is completed also where the wait for it is cancelled.
        """
        bridge = self._bridge
        if bridge is None:
            return
        # All in the first turn, so that a caller that is cancelled leaves no file open.
        self._finish()
        if self._ending:
            await asyncio.wait(self._ending)
        timeout = _STOP_TIMEOUT
        if self._delivery is not None:
            # The writer may wait for it.
            self._delivery.hurry()
            timeout += self._delivery.patience
        try:
            async with asyncio.timeout(timeout):
                await bridge.finished.wait()
        except TimeoutError as error:
            self._on_failure(RecordingFailure(error, None, ended=True))
        if self._delivery is not None:
            await self._delivery.finish()
        await self._events.join()

    def _finish(self) -> None:
        """End the reading of all tracks, and order the end of the last file."""
        self._state = RecorderState.INACTIVE
        if self._ticker is None:
            return
        self._ending = [each.task for each in self._entries.values() if each.task is not None]
        self._ending.append(self._ticker)
        self._ticker = None
        for task in self._ending:
            task.cancel()
        self._timeline.finish()
        self._hand_on()
        self._queue.order(Finish())

    def pause(self) -> None:
        """Leave out frames that are captured from now on.

        Raises:
            InvalidStateError: The recorder does not record.
        """
        self._require(RecorderState.RECORDING)
        self._state = RecorderState.PAUSED
        self._paused_at = time.monotonic()
        self._timeline.pause(self._paused_at)

    def resume(self) -> None:
        """Go on after a pause, whose time is cut out; video waits for a key frame, requested here.

        Raises:
            InvalidStateError: The recorder is not paused.
        """
        self._require(RecorderState.PAUSED)
        self._state = RecorderState.RECORDING
        now = time.monotonic()
        self._timeline.resume(now)
        if self._sidecar is not None:
            self._sidecar.paused(since=self._paused_at, seconds=now - self._paused_at)
        for entry in self._entries.values():
            if entry.input.kind is MediaKind.VIDEO and not entry.ended:
                entry.input.request_keyframe()

    def _on_progress(self, progress: Progress) -> None:
        progress = replace(progress, dropped=self._queue.dropped)
        self._stats = replace(
            self._stats,
            duration=progress.duration,
            size=progress.size,
            frames=progress.frames,
        )
        self._events.emit(RecordingEvent.PROGRESS, progress)

    def _on_segment(self, segment: Segment, progress: Progress) -> None:
        self._stats = replace(
            self._stats,
            duration=progress.duration,
            size=progress.size,
            frames=progress.frames,
            files=(*self._stats.files, segment)[-1000:],
        )
        self._events.emit(RecordingEvent.SEGMENT, segment)

    def _on_failure(self, failure: RecordingFailure) -> None:
        if failure.ended:
            self._state = RecorderState.INACTIVE
            for entry in self._entries.values():
                if entry.task is not None:
                    entry.task.cancel()
        self._events.emit(RecordingEvent.ERROR, failure)

    def _on_transcoding(self, transcoding: Transcoding) -> None:
        if transcoding not in self._stats.transcoding:
            known = (*self._stats.transcoding, transcoding)
            self._stats = replace(self._stats, transcoding=known)
            self._events.emit(RecordingEvent.TRANSCODING, transcoding)

    def _on_keyframe_wanted(self, key: Hashable) -> None:
        now = time.monotonic()
        entry = self._entries.get(key) if isinstance(key, int) else None
        if entry is None or entry.ended:
            return
        if now - self._asked.get(key, 0.0) < _REQUEST_INTERVAL:
            return
        self._asked[key] = now
        entry.input.request_keyframe()

    def _require(self, state: RecorderState) -> None:
        if self._state is not state:
            raise InvalidStateError(f"the recording is {self._state.value}")

    def _place(self, kind: MediaKind) -> int:
        ended = (
            key
            for key, each in self._entries.items()
            if each.ended and each.input.kind is kind and (each.task is None or each.task.done())
        )
        return next(ended, len(self._entries))

    def _input(self, track: MediaStreamTrack | RtpReceiver) -> RecorderInput:
        if isinstance(track, RtpReceiver):
            return ReceiverInput(track)
        if isinstance(track, EncodedTrack):
            return EncodedInput(track)
        kind = MediaKind(track.kind)
        target = self._plan.raw_target(kind)
        if target is None:
            raise ValueError(f"{self._container.value} takes no {kind.value}")
        transcoding = Transcoding(kind, "raw", target, TranscodingReason.RAW)
        return RawInput(
            track,
            target,
            on_encoding=self._on_loop(lambda: self._on_transcoding(transcoding)),
            on_error=lambda error: self._on_failure(RecordingFailure(error, None, ended=False)),
        )

    def _on_loop(self, call: Callable[[], None]) -> Callable[[], None]:
        return lambda: self._bridge.call(call) if self._bridge is not None else None

    def _read(self, key: int) -> None:
        entry = self._entries[key]
        self._timeline.add(key, entry.input.kind, entry.clock)
        self._queue.order(Expect(key))
        self._expect(key, entry)
        entry.task = asyncio.create_task(self._follow(key, entry))

    def _expect(self, key: int, entry: _Entry) -> None:
        """Reserve a stream for audio once its codec is known; for video there is room."""
        if entry.expected or entry.given or entry.input.kind is MediaKind.VIDEO:
            return
        codec = entry.input.expected
        if codec is not None:
            entry.expected = True
            self._queue.order(Expect(key, codec))

    async def _follow(self, key: int, entry: _Entry) -> None:
        try:
            async for frame in entry.input.frames():
                if not entry.given:
                    # The transport, and so the sender, is known for certain only now.
                    entry.given = True
                    self._timeline.add(key, entry.input.kind, entry.clock)
                self._gaps += frame.gap
                self._timeline.put(key, frame)
                self._timeline.advance(time.monotonic())
                self._hand_on()
        except Exception as error:
            self._on_failure(RecordingFailure(error, None, ended=False))
        entry.ended = True
        self._timeline.remove(key)
        self._hand_on()
        self._queue.order(Ended(key))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self._timeline.advance(time.monotonic())
            self._hand_on()
            for number, entry in self._entries.items():
                self._expect(number, entry)
            for key in (*self._queue.broken, *self._timeline.broken):
                self._on_keyframe_wanted(key)

    def _hand_on(self) -> None:
        if self._sidecar is not None and self._timeline.origin is not None:
            self._sidecar.began(self._timeline.origin)
        self._queue.put(self._timeline.take())
