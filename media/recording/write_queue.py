"""Bounded queue between the event loop and the writer thread, with a drop policy."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from peer.rtp_parameters import MediaKind
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from media.recording.timeline import PlacedFrame
    from peer import Codec

#: Capacity in frames, some ten seconds of a call (ours).
FRAMES = 2048
#: Capacity in bytes (ours).
CAPACITY = 32 << 20


@dataclass(frozen=True, slots=True)
class Expect:
    """Notice of a track that is to come.

    Args:
        key: Key of the track.
        codec: Codec of audio, which has a stream at once; None where it is not known yet.
    """

    key: Hashable
    codec: Codec | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """Notice that a track has ended; it may join again."""

    key: Hashable


@dataclass(frozen=True, slots=True)
class Finish:
    """Order to complete the last file."""


Order = Expect | Ended | Finish


class WriteQueue:
    """Hands frames from the event loop to the writer thread.

    A full queue drops new frames; of video all frames up to a key frame that finds room again, as
    they could not be decoded.

    Args:
        frames: Capacity in frames.
        size: Capacity in bytes.

    Attributes:
        dropped: Number of frames dropped.
    """

    def __init__(self, *, frames: int = FRAMES, size: int = CAPACITY) -> None:
        self.dropped = 0
        self._most = (frames, size)
        self._size = 0
        self._items: deque[PlacedFrame | Order] = deque()
        self._broken: set[Hashable] = set()
        self._changed = threading.Condition()

    @property
    def broken(self) -> frozenset[Hashable]:
        """Keys of the video tracks that need a key frame."""
        return frozenset(self._broken)

    def put(self, placed: Sequence[PlacedFrame]) -> None:
        """Add frames or drop them, without waiting for the thread."""
        if not placed:
            return
        with self._changed:
            for each in placed:
                if self._takes(each):
                    self._size += len(each.frame.payload)
                    self._items.append(each)
                else:
                    self.dropped += 1
            self._changed.notify()

    def order(self, order: Order) -> None:
        """Add an order behind the frames that were added; an order is never dropped."""
        with self._changed:
            self._items.append(order)
            self._changed.notify()

    def take(self) -> list[PlacedFrame | Order]:
        """Take all items that wait, after waiting for one."""
        with self._changed:
            while not self._items:
                self._changed.wait()
            items = list(self._items)
            self._items.clear()
            self._size = 0
        return items

    def _takes(self, placed: PlacedFrame) -> bool:
        frames, size = self._most
        if len(self._items) >= frames or self._size >= size:
            if placed.frame.codec.kind is MediaKind.VIDEO:
                self._broken.add(placed.key)
            return False
        if placed.key in self._broken:
            if not placed.frame.keyframe:
                return False
            self._broken.discard(placed.key)
        return True
