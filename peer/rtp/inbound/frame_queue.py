"""Owns the bounded queue of encoded frames, and what is dropped where it is full."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame

LIMIT = 64


class FrameQueue:
    """Keeps what a reader can decode: it begins with a key frame, also after each loss.

    When it is full, the oldest frame goes, and with it all that cannot be decoded without it: every
    frame up to the next key frame, be that one here or still to come. The frame after a loss has
    `gap` set. Every packet of sound is a key frame, so that sound loses one packet at a time.

    Args:
        limit: In frames.

    Attributes:
        dropped: Frames lost because the reader was slow; those before the first key frame are not
            counted, as nobody had asked for them yet.
    """

    __slots__ = ("_awaits_keyframe", "_frames", "_gap", "_limit", "dropped")

    def __init__(self, limit: int = LIMIT) -> None:
        self.dropped = 0
        self._limit = limit
        self._frames: deque[EncodedFrame] = deque()
        self._awaits_keyframe = True
        # Whether something was lost between the last frame here and the next to come.
        self._gap = False

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def awaits_keyframe(self) -> bool:
        """Whether nothing is taken in before the next key frame."""
        return self._awaits_keyframe

    def put(self, frame: EncodedFrame) -> None:
        """Add a frame, or drop it."""
        if len(self._frames) >= self._limit:
            self._frames.popleft()
            self.dropped += 1
            self._drop_to_keyframe()
        if not frame.keyframe and (self._awaits_keyframe or frame.gap):
            # What comes after a gap builds on what is missing, whoever lost it.
            self._gap = self._gap or frame.gap
            self.dropped += self._gap
            self._awaits_keyframe = True
            return
        self._frames.append(_after_gap(frame) if self._gap else frame)
        self._awaits_keyframe = self._gap = False

    def take(self) -> EncodedFrame | None:
        """The oldest frame; None where there is none."""
        return self._frames.popleft() if self._frames else None

    def lose(self) -> None:
        """The reader could not use the frame it took last: drop it, and all that builds on it."""
        self.dropped += 1
        self._drop_to_keyframe()

    def clear(self) -> None:
        """Drop everything, uncounted, and begin anew."""
        self._frames.clear()
        self._awaits_keyframe = True
        self._gap = False

    def _drop_to_keyframe(self) -> None:
        while self._frames and not self._frames[0].keyframe:
            self._frames.popleft()
            self.dropped += 1
        if self._frames:
            self._frames[0] = _after_gap(self._frames[0])
        else:
            self._awaits_keyframe = self._gap = True


def _after_gap(frame: EncodedFrame) -> EncodedFrame:
    return frame if frame.gap else replace(frame, gap=True)
