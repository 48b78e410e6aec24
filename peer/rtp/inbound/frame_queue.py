"""The bounded queue of encoded frames of one reader: drops undecodable runs where it is full."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame

#: Default limit of the frames in a queue (ours).
LIMIT = 64


class FrameQueue:
    """Keeps frames that a reader can decode: it begins with a key frame, also after each loss.

    A full queue drops the oldest frame, and with it all that cannot be decoded without it: every
    frame up to the next key frame, be that one here or still to come. The frame after a loss has
    `gap` set. Every audio packet is a key frame, so that audio loses one packet at a time.

    Args:
        limit: Frames in the queue at most.

    Attributes:
        dropped: Frames lost because the reader was slow, without those before the first key frame:
            the reader had not asked for them yet.
    """

    __slots__ = ("_awaits_keyframe", "_frames", "_gap", "_limit", "dropped")

    def __init__(self, limit: int = LIMIT) -> None:
        self.dropped = 0
        self._limit = limit
        self._frames: deque[EncodedFrame] = deque()
        self._awaits_keyframe = True
        # True where a frame was lost between the last one here and the next to come.
        self._gap = False

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def awaits_keyframe(self) -> bool:
        """True while frames are dropped up to the next key frame."""
        return self._awaits_keyframe

    def put(self, frame: EncodedFrame) -> None:
        """Add a frame, or drop it."""
        if len(self._frames) >= self._limit:
            self._frames.popleft()
            self.dropped += 1
            self._drop_to_keyframe()
        if not frame.keyframe and (self._awaits_keyframe or frame.gap):
            # A frame after a gap builds on missing ones, wherever those were lost.
            self._gap = self._gap or frame.gap
            self.dropped += self._gap
            self._awaits_keyframe = True
            return
        self._frames.append(_after_gap(frame) if self._gap else frame)
        self._awaits_keyframe = self._gap = False

    def take(self) -> EncodedFrame | None:
        """Take the oldest frame out of the queue; None where it is empty."""
        return self._frames.popleft() if self._frames else None

    def drop_dependent(self) -> None:
        """Count the frame taken last as dropped, and drop all that builds on it."""
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
