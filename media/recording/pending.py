"""Frames of the next cluster or fragment of a file, until it is complete. PURE."""

from __future__ import annotations

from dataclasses import field
from fractions import Fraction

from peer.values import dataclass

#: Duration in seconds at which a piece is complete: lost when the process is killed (ours).
_LONGEST = Fraction(1, 2)
#: Duration in seconds from which a key frame begins the next piece (ours).
_SHORTEST = Fraction(1, 4)
#: Duration in seconds between two key frames of which the second one begins a piece in any case:
#: else keys that always come early in one would begin none, and no segment of HLS (ours).
_APART = Fraction(1)
#: Size in bytes at which a piece is complete (ours).
_LARGEST = 4_000_000


@dataclass(frozen=True, slots=True, order=True)
class Frame:
    """Frame as a container has it; frames sort in the order of a file.

    Args:
        pts: Presentation time in seconds; with B-frames that of decoding.
        stream: Index of the stream, from 0.
        payload: Payload in the container's form.
        duration: Duration in seconds.
        keyframe: True if the frame can be decoded by itself.
        picture: True for video, false for audio.
        offset: Seconds from `pts` to when the frame is shown; may be negative.
    """

    pts: Fraction
    stream: int
    payload: bytes = field(compare=False)
    duration: Fraction = field(compare=False)
    keyframe: bool = field(compare=False)
    picture: bool = field(compare=False)
    offset: Fraction = field(default=Fraction(0), compare=False)


class Pending:
    """Collects the frames of the next piece of a file, half a second at most."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._size = 0
        self._seen: set[int] = set()
        self._entry: Fraction | None = None

    def completed_by(self, frame: Frame) -> list[Frame]:
        """Add a frame, and return the frames of the piece that it completes.

        The first frame of each stream does not wait, as readers dislike streams without frames.
        """
        if frame.stream not in self._seen:
            self._seen.add(frame.stream)
            if frame.picture:
                self._entry = frame.pts
            return [*self.take(), frame]
        done: list[Frame] = []
        if self._frames and self._begins(frame):
            done = self.take()
        self._frames.append(frame)
        self._size += len(frame.payload)
        return done

    def take(self) -> list[Frame]:
        """Take all frames that wait."""
        done, self._frames, self._size = self._frames, [], 0
        return done

    def _begins(self, frame: Frame) -> bool:
        # A stream may be behind the others, or ahead.
        span = abs(frame.pts - self._frames[0].pts)
        if frame.picture and frame.keyframe:
            if self._entry is None:
                self._entry = frame.pts
            begins = span >= _SHORTEST or frame.pts >= self._entry + _APART
            if begins:
                self._entry = frame.pts
            return begins
        return span >= _LONGEST or self._size >= _LARGEST
