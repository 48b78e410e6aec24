"""Owns `OpenFile`: one file of a series while it is written, with its own time from 0."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from media.recording.muxer import Muxer
from media.recording.parameters import StreamSpec
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from pathlib import Path

    from media.recording.containers import Container
    from media.recording.segments import Shape
    from media.recording.timeline import PlacedFrame


@dataclass(slots=True)
class KnownStream:
    """What the next file has to say of a stream.

    Args:
        shape: Of its last key frame.
        first: The payload of that; empty for sound that is yet to come.
    """

    shape: Shape
    first: bytes = b""


class OpenFile:
    """Writes frames by the key of their track. It begins each stream of pictures at a key frame.

    Args:
        path: Where.
        container: What kind.
        streams: All that are in it.
        origin: Where on the line of the recording it begins, in seconds.

    Attributes:
        frames: Written.
        left_out: Frames from before the file's beginning, or before a key frame.

    Raises:
        RecordingError: It cannot be made.
    """

    def __init__(
        self,
        path: Path,
        container: Container,
        streams: Mapping[Hashable, KnownStream],
        origin: Fraction,
    ) -> None:
        self.path = path
        self.origin = origin
        self.frames = 0
        self.left_out = 0
        self.shapes = {key: known.shape for key, known in streams.items()}
        self._index = {key: index for index, key in enumerate(streams)}
        self._last: dict[Hashable, Fraction] = {}
        self._end = origin
        self._muxer = Muxer(
            path,
            container,
            [StreamSpec(known.shape.codec, known.first) for known in streams.values()],
        )

    def __contains__(self, key: Hashable) -> bool:
        return key in self._index

    @property
    def has_pictures(self) -> bool:
        """Whether it can be cut at key frames only."""
        return any(shape.codec.kind is MediaKind.VIDEO for shape in self.shapes.values())

    @property
    def duration(self) -> float:
        """In seconds so far."""
        return float(self._end - self.origin)

    @property
    def size(self) -> int:
        """In octets, on disk."""
        return self._muxer.size

    def awaits_keyframe(self, key: Hashable) -> bool:
        """Whether a stream of it has not begun."""
        return key not in self._last

    def write(self, placed: PlacedFrame) -> bool:
        """Add a frame; whether there was a place for it.

        Raises:
            RecordingError: It cannot be written.
        """
        last = self._last.get(placed.key)
        time = placed.time - self.origin
        if time < 0 or (last is None and not placed.frame.keyframe):
            self.left_out += 1
            return False
        if last is not None and time < last + _STEP:
            time = last + _STEP
        self._muxer.write(
            self._index[placed.key],
            placed.frame.payload,
            time,
            placed.duration,
            keyframe=placed.frame.keyframe,
        )
        self._last[placed.key] = time
        self._end = max(self._end, placed.time + placed.duration)
        self.frames += 1
        return True

    def close(self) -> None:
        """Complete it.

        Raises:
            RecordingError: The end cannot be written; what came before is there.
        """
        self._muxer.close()


_STEP = Fraction(1, 1000)
