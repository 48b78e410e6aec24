"""File of a series while it is written, with a timeline of its own from 0."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from media.recording.atomic_file import AtomicFile
from media.recording.muxer import Muxer
from media.recording.parameters import StreamSpec
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping
    from pathlib import Path

    from media.recording.containers import Container
    from media.recording.destination import Sink
    from media.recording.segments import Shape
    from media.recording.timeline import PlacedFrame


@dataclass(slots=True)
class KnownStream:
    """Form of a stream for the header of the next file.

    Args:
        shape: Form of the last key frame.
        first: Payload of that key frame; empty for audio that is yet to come.
    """

    shape: Shape
    first: bytes = b""


class OpenFile:
    """Writes frames by the key of their track; each video stream begins at a key frame.

    Args:
        path: Path of the file.
        container: Container of the file.
        streams: All streams of the file, by the key of the track.
        origin: Begin of the file on the timeline of the recording, in seconds.
        open_sink: Opens the file, as `Muxer` has it.
        later: Keys of tracks that may come later, for which room is kept.

    Raises:
        RecordingError: The file cannot be created.
    """

    def __init__(
        self,
        path: Path,
        container: Container,
        streams: Mapping[Hashable, KnownStream],
        origin: Fraction,
        open_sink: Callable[[Path, Callable[[int], bytes]], Sink] = AtomicFile,
        *,
        later: Collection[Hashable] = (),
    ) -> None:
        self.path = path
        self.origin = origin
        self.shapes = {key: known.shape for key, known in streams.items()}
        self._index = {key: index for index, key in enumerate(streams)}
        self._last: dict[Hashable, Fraction] = {}
        self._end = origin
        self._container = container
        self._muxer = Muxer(
            path,
            container,
            [StreamSpec(known.shape.codec, known.first) for known in streams.values()],
            open_sink,
            later=len(later),
        )
        self._later = set(later)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._index

    @property
    def has_pictures(self) -> bool:
        """True if the file has video, and so can end at key frames only."""
        return any(shape.codec.kind is MediaKind.VIDEO for shape in self.shapes.values())

    @property
    def duration(self) -> float:
        """The duration so far, in seconds."""
        return float(self._end - self.origin)

    @property
    def size(self) -> int:
        """The size on disk, in bytes."""
        return self._muxer.size

    def follows(self, placed: PlacedFrame, shape: Shape) -> bool:
        """Tell if a track of another form may go on in this file with a key frame."""
        before = self.shapes[placed.key]
        if self._muxer.is_layered(self._index[placed.key], placed.frame.payload):
            # A layer more or less is no other form.
            before = replace(before, width=shape.width, height=shape.height)
        return shape.follows(before, self._container)

    def add(self, key: Hashable, known: KnownStream, time: Fraction) -> bool:
        """Add a track that was to come later; return False where no room is kept for it.

        Args:
            key: Key of the track.
            known: Form of its stream.
            time: Time of its first frame on the timeline of the recording, in seconds.

        Raises:
            RecordingError: The container does not take the track, or the file cannot be written.
        """
        spec = StreamSpec(known.shape.codec, known.first)
        if (
            time < self.origin
            or key not in self._later
            or not self._muxer.add(spec, time - self.origin)
        ):
            return False
        self._later.discard(key)
        self._index[key] = len(self._index)
        self.shapes[key] = known.shape
        return True

    def write(self, placed: PlacedFrame) -> bool:
        """Add a frame, or return False for one before the origin or the first key frame.

        Raises:
            RecordingError: The frame cannot be written.
        """
        last = self._last.get(placed.key)
        time = placed.time - self.origin
        if time < 0 or (last is None and not placed.frame.keyframe):
            return False
        if last is not None and time < last + _STEP:
            time = last + _STEP
        # A frame that is decoded later is shown when it was.
        offset = placed.offset and placed.shown - self.origin - time
        self._muxer.write(
            self._index[placed.key],
            placed.frame.payload,
            time,
            placed.duration,
            keyframe=placed.frame.keyframe,
            offset=offset,
        )
        self._last[placed.key] = time
        self._end = max(self._end, placed.time + placed.duration)
        return True

    def close(self) -> None:
        """Complete the file with its end.

        Raises:
            RecordingError: The end cannot be written; the file holds the frames before.
        """
        self._muxer.close()


_STEP = Fraction(1, 1000)
