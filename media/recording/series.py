"""Series of the files of one recording, one after the other. For the writer thread."""

from __future__ import annotations

import heapq
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Protocol

from media.recording.containers import Container
from media.recording.errors import RecordingError, UnsupportedError, error_of
from media.recording.events import Progress, RecordingFailure, Segment, SegmentEnd
from media.recording.open_file import KnownStream, OpenFile
from media.recording.segments import Shape
from media.recording.sidecar import guarded
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from pathlib import Path

    from media.recording.destination import Destination
    from media.recording.segments import SegmentRule
    from media.recording.sidecar import Sidecar
    from media.recording.timeline import PlacedFrame
    from peer import Codec

#: Failures after which a recording ends of which nothing could be written (ours).
FAILURES = 3
#: Duration in seconds from which a file counts as good (ours).
_GOOD = 10.0
#: Seconds between a failure and the next file; doubled from the third failure on (ours).
_RETRY_AFTER = 1
#: Most seconds between a failure and the next file (ours).
_MOST_RETRY_AFTER = 60
#: Seconds that a file beyond a limit waits for a key frame of video (ours).
_OVERDUE = 5.0
#: Seconds between two requests for a key frame of a track (ours).
_REQUEST_INTERVAL = 1.0
#: Seconds for which the first file of a container that takes no stream later waits for tracks that
#: are to come, and bytes that wait meanwhile at most (ours).
PATIENCE = Fraction(5)
_MOST_WAITING = 8 << 20
#: Seconds between key frames that are requested for HLS, where segments begin with them (ours).
_KEYFRAMES = Fraction(4)
#: Seconds between two progress events (ours).
_PROGRESS = 1.0

#: Seconds by which tracks of a call are usually apart when they arrive (ours).
WINDOW = Fraction(1, 5)


class SeriesListener(Protocol):
    """Listener to a series, called on the writer thread."""

    def on_progress(self, progress: Progress) -> None:
        """Note the progress, about each second of the recording."""

    def on_segment(self, segment: Segment, progress: Progress) -> None:
        """Note a complete file, and the progress of all files."""

    def on_failure(self, failure: RecordingFailure) -> None:
        """Note a failure to write."""

    def on_keyframe_wanted(self, key: Hashable) -> None:
        """Note that a track needs a key frame before it can be written."""


class Interleaver:
    """Orders frames of several tracks by time, as far as they come within a window of each other.

    Args:
        window: Window in seconds; a frame that comes later than that is given out of order.

    Attributes:
        size: Bytes of the frames that wait.
    """

    def __init__(self, window: Fraction = WINDOW) -> None:
        self._window = window
        self._heap: list[tuple[Fraction, int, PlacedFrame]] = []
        self._count = 0
        self._latest = Fraction(0)
        self.size = 0

    @property
    def span(self) -> Fraction:
        """Seconds from the first frame that waits to the last one."""
        return self._latest - self._heap[0][0] if self._heap else Fraction(0)

    def push(self, placed: PlacedFrame) -> None:
        """Add a frame to the window."""
        self._count += 1
        self.size += len(placed.frame.payload)
        self._latest = max(self._latest, placed.time)
        heapq.heappush(self._heap, (placed.time, self._count, placed))

    def pop(self) -> Iterator[PlacedFrame]:
        """Yield the frames that no other frame is likely to precede."""
        while self._heap and self._heap[0][0] <= self._latest - self._window:
            yield self._next()

    def finish(self) -> Iterator[PlacedFrame]:
        """Yield all frames that are left."""
        while self._heap:
            yield self._next()

    def _next(self) -> PlacedFrame:
        placed = heapq.heappop(self._heap)[2]
        self.size -= len(placed.frame.payload)
        return placed


class FileSeries:
    """Writes frames into files, and begins the next file at a limit or a change of streams.

    After a failure the next file begins as soon as one can be written: a disk may have room again.
    Every call may block.

    Args:
        names: Names of the files, and where they are.
        container: Container of the files.
        rule: Limits of a file.
        listener: Called on the writer thread.
        sidecar: Sidecar of each file; None for none.

    Attributes:
        over: True once the recording has ended: it was finished, or nothing could ever be written.
    """

    def __init__(
        self,
        names: Destination,
        container: Container,
        rule: SegmentRule,
        listener: SeriesListener,
        sidecar: Sidecar | None = None,
    ) -> None:
        self._names = names
        self._container = container
        self._rule = rule
        self._listener = listener
        self._sidecar = sidecar
        self._interleaver = Interleaver()
        self._known: dict[Hashable, KnownStream] = {}
        # Tracks that are to come in a form that is not known yet.
        self._awaited: set[Hashable] = set()
        self._file: OpenFile | None = None
        self._number = 0
        self._failures = 0
        self._not_before = Fraction(0)
        self._asked: dict[Hashable, Fraction] = {}
        self._keyed: dict[Hashable, Fraction] = {}
        self._left_out: set[Hashable] = set()
        self._told = Fraction(0)
        self._duration = 0.0
        self._size = 0
        self._frames = 0
        self.over = False

    def expect(self, key: Hashable, codec: Codec | None = None) -> None:
        """Expect a track that is to come, for which the next file has a place.

        Args:
            key: Key of the track.
            codec: Codec of audio; None for video, and where it is not known yet.
        """
        if codec is not None:
            self._known.setdefault(key, KnownStream(Shape(codec)))
            self._awaited.discard(key)
        elif key not in self._known:
            self._awaited.add(key)

    def end(self, key: Hashable) -> None:
        """Leave a track out of the next files, unless frames of it come again."""
        self._known.pop(key, None)
        self._awaited.discard(key)
        self._keyed.pop(key, None)

    def push(self, placed: PlacedFrame) -> None:
        """Take a frame, which `advance` writes."""
        if self.over:
            return
        if placed.frame.keyframe and placed.key not in self._known:
            self._learn(placed)
        self._interleaver.push(placed)

    def advance(self) -> None:
        """Write the frames that are in order."""
        if self._waits_for_tracks():
            return
        for placed in self._interleaver.pop():
            self._guard(placed)

    def finish(self) -> None:
        """Write all frames left, and complete the last file."""
        for placed in self._interleaver.finish():
            self._guard(placed)
        self._close(SegmentEnd.STOPPED)
        self.over = True

    def _waits_for_tracks(self) -> bool:
        """Tell if the first file waits, as its header may have gone when a track comes."""
        container = self._container
        return (
            bool(self._awaited)
            and self._number == 0
            and container.holds_video
            # What is a single file may be a pipe.
            and not (container.keeps_room and self._names.goes_on)
            and self._interleaver.span < PATIENCE
            and self._interleaver.size < _MOST_WAITING
        )

    def _guard(self, placed: PlacedFrame) -> None:
        if self.over:
            return
        try:
            self._write(placed)
        except (RecordingError, OSError) as error:
            self._fail(error, placed.time)

    def _write(self, placed: PlacedFrame) -> None:
        file = self._file
        if file is None:
            file = self._begin(placed)
        elif (end := self._reason_to_end(file, placed)) is not None:
            if not self._names.goes_on:
                self._leave_out(placed, file, end)
                return
            self._close(end)
            file = self._begin(placed)
        elif placed.frame.keyframe:
            self._learn(placed)
        if file is None or not self._takes(placed, file):
            return
        if not file.write(placed):
            self._want_keyframe(placed)
            return
        self._frames += 1
        if self._sidecar is not None:
            self._note(partial(self._sidecar.wrote, placed), file.path)
        self._keep_keyframes_coming(placed)
        if file.duration >= _GOOD:
            self._failures = 0
        if abs(placed.time - self._told) >= _PROGRESS:
            self._told = placed.time
            self._listener.on_progress(self._progress(file.path))

    def _reason_to_end(self, file: OpenFile, placed: PlacedFrame) -> SegmentEnd | None:
        frame = placed.frame
        due = self._rule.due(float(placed.time - file.origin), file.size)
        if not frame.keyframe:
            if due is not None:
                self._want_keyframe(placed)
            return None
        shape = Shape(frame.codec, frame.width, frame.height)
        known = KnownStream(shape, frame.payload)
        if placed.key not in file and not file.add(placed.key, known, placed.time):
            return SegmentEnd.TRACKS
        if not file.follows(placed, shape):
            return SegmentEnd.CHANGED
        if due is None or frame.codec.kind is MediaKind.VIDEO or not file.has_pictures:
            return due
        # Audio waits for a key frame of video, unless video has ceased.
        if self._rule.due(file.duration - _OVERDUE, 0) is not None:
            return due
        return None

    def _takes(self, placed: PlacedFrame, file: OpenFile) -> bool:
        """Tell if a file has a place for a frame; a track left out comes back by a key frame."""
        if placed.frame.keyframe:
            self._left_out.discard(placed.key)
        return placed.key in file and placed.key not in self._left_out

    def _leave_out(self, placed: PlacedFrame, file: OpenFile, end: SegmentEnd) -> None:
        """Leave out a track that would begin the next file, where there is none."""
        if placed.key in self._left_out:
            return
        self._left_out.add(placed.key)
        codec = placed.frame.codec
        what = "began too late" if end is SegmentEnd.TRACKS else "changed its form"
        why = f"the only file has no place for {codec.kind.value} ({codec.name}) that {what}"
        self._tell_failure(UnsupportedError("continue", file.path, why=why), file.path)

    def _begin(self, placed: PlacedFrame) -> OpenFile | None:
        if not placed.frame.keyframe:
            self._want_keyframe(placed)
            return None
        if placed.time < self._not_before:
            return None
        self._learn(placed)
        self._number = self._names.after(self._number)
        path = self._names.name(self._number)
        try:
            self._file = OpenFile(
                path,
                self._container,
                self._known,
                placed.time,
                self._names.open,
                later=self._awaited,
            )
        except (RecordingError, OSError) as error:
            self._fail(error, placed.time, path)
            return None
        if self._sidecar is not None:
            begin = partial(self._sidecar.opened, path, number=self._number, origin=placed.time)
            self._note(begin, path)
        return self._file

    def _note(self, call: Callable[[], None], path: Path) -> None:
        """Call a method of the sidecar, whose failure costs nothing else."""
        guarded(call, lambda error: self._tell_failure(error, path))

    def _learn(self, placed: PlacedFrame) -> None:
        frame = placed.frame
        shape = Shape(frame.codec, frame.width, frame.height)
        self._known[placed.key] = KnownStream(shape, frame.payload)
        self._awaited.discard(placed.key)

    def _close(self, end: SegmentEnd) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except (RecordingError, OSError) as error:
            end = SegmentEnd.FAILED
            self._tell_failure(error, file.path)
        self._duration += file.duration
        self._size += file.size
        url = self._names.url(self._number)
        segment = Segment(file.path, self._number, file.duration, file.size, end, url)
        if self._sidecar is not None:
            self._note(partial(self._sidecar.closed, segment), file.path)
        self._listener.on_segment(segment, self._progress(file.path))

    def _fail(self, error: Exception, time: Fraction, path: Path | None = None) -> None:
        self._failures += 1
        written = self._size + (self._file.size if self._file else 0)
        hopeless = self._failures >= FAILURES and not written
        self.over = hopeless or not self._names.goes_on
        delay = min(_RETRY_AFTER << min(max(self._failures - 2, 0), 16), _MOST_RETRY_AFTER)
        self._not_before = time + delay
        self._tell_failure(error, path or (self._file.path if self._file else None))
        self._close(SegmentEnd.FAILED)

    def _tell_failure(self, error: Exception, path: Path | None) -> None:
        if isinstance(error, OSError):
            error = error_of("write", path or self._names.name(self._number), error)
        self._listener.on_failure(RecordingFailure(error, path, self.over))

    def _keep_keyframes_coming(self, placed: PlacedFrame) -> None:
        if self._container is not Container.HLS or placed.frame.codec.kind is MediaKind.AUDIO:
            return
        if placed.frame.keyframe:
            self._keyed[placed.key] = placed.time
        elif placed.time - self._keyed.get(placed.key, placed.time) >= _KEYFRAMES:
            self._want_keyframe(placed)

    def _want_keyframe(self, placed: PlacedFrame) -> None:
        before = self._asked.get(placed.key)
        if before is None or abs(placed.time - before) >= _REQUEST_INTERVAL:
            self._asked[placed.key] = placed.time
            self._listener.on_keyframe_wanted(placed.key)

    def _progress(self, path: Path) -> Progress:
        file = self._file
        return Progress(
            path=path,
            duration=self._duration + (file.duration if file else 0.0),
            size=self._size + (file.size if file else 0),
            frames=self._frames,
            dropped=0,
        )
