"""Owns `Pending`: the frames of the next piece of a file, and when it is complete."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

# All that is pending is lost when we are killed. In seconds.
_LONGEST = Fraction(1, 2)
# A piece begins with a key frame where there is one, unless pieces would be very short.
_SHORTEST = Fraction(1, 4)
_MOST_OCTETS = 4_000_000


@dataclass(frozen=True, slots=True, order=True)
class Frame:
    """A frame, in the order in which a file has them.

    Args:
        pts: In seconds.
        stream: Which of the streams, from 0.
        payload: As the container has it.
        duration: In seconds.
        keyframe: Whether it can be decoded by itself.
        picture: Whether it is one, and not sound.
    """

    pts: Fraction
    stream: int
    payload: bytes = field(compare=False)
    duration: Fraction = field(compare=False)
    keyframe: bool = field(compare=False)
    picture: bool = field(compare=False)


class Pending:
    """Frames that are not in the file yet: of half a second at most."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._octets = 0
        self._seen: set[int] = set()

    def completed_by(self, frame: Frame) -> list[Frame]:
        """Keep a frame; the piece before it, where it begins another.

        The first of each stream does not wait.
        """
        if frame.stream not in self._seen:
            # Readers do not like streams without any frame.
            self._seen.add(frame.stream)
            return [*self.take(), frame]
        done: list[Frame] = []
        if self._frames and self._begins(frame):
            done = self.take()
        self._frames.append(frame)
        self._octets += len(frame.payload)
        return done

    def take(self) -> list[Frame]:
        """All of them."""
        done, self._frames, self._octets = self._frames, [], 0
        return done

    def _begins(self, frame: Frame) -> bool:
        # A stream may be behind the others, or ahead.
        span = abs(frame.pts - self._frames[0].pts)
        if frame.picture and frame.keyframe:
            return span >= _SHORTEST
        return span >= _LONGEST or self._octets >= _MOST_OCTETS
