"""Owns the bounded queue in front of the thread that writes, and what is dropped in front of it."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from media.recording.timeline import PlacedFrame
    from peer import Codec

#: Some ten seconds of a call.
FRAMES = 2048
OCTETS = 32 << 20


@dataclass(frozen=True, slots=True)
class Expect:
    """Sound of this codec is likely to come, and gets its place in the file."""

    key: Hashable
    codec: Codec


@dataclass(frozen=True, slots=True)
class Ended:
    """A track has ended, for the time being."""

    key: Hashable


@dataclass(frozen=True, slots=True)
class Finish:
    """The recording is over."""


Order = Expect | Ended | Finish


class WriteQueue:
    """Hands frames from the event loop to one thread.

    Where it is full, what comes is dropped: of pictures the whole run up to a key frame that finds
    room again, as nothing of it could be shown.

    Args:
        frames: That wait at most.
        octets: In them at most.

    Attributes:
        dropped: Frames that found no room.
    """

    def __init__(self, frames: int = FRAMES, octets: int = OCTETS) -> None:
        self.dropped = 0
        self._most = (frames, octets)
        self._octets = 0
        self._items: deque[PlacedFrame | Order] = deque()
        self._broken: set[Hashable] = set()
        self._changed = threading.Condition()

    @property
    def broken(self) -> frozenset[Hashable]:
        """Tracks of which nothing is taken before a key frame."""
        return frozenset(self._broken)

    def put(self, placed: Sequence[PlacedFrame]) -> None:
        """Add frames, or drop them; never waits for the thread."""
        if not placed:
            return
        with self._changed:
            for each in placed:
                if self._takes(each):
                    self._octets += len(each.frame.payload)
                    self._items.append(each)
                else:
                    self.dropped += 1
            self._changed.notify()

    def order(self, order: Order) -> None:
        """Add what has to be done after the frames that were added; there is always room for it."""
        with self._changed:
            self._items.append(order)
            self._changed.notify()

    def take(self) -> list[PlacedFrame | Order]:
        """All that is there; waits until there is something."""
        with self._changed:
            while not self._items:
                self._changed.wait()
            items = list(self._items)
            self._items.clear()
            self._octets = 0
        return items

    def _takes(self, placed: PlacedFrame) -> bool:
        frames, octets = self._most
        if len(self._items) >= frames or self._octets >= octets:
            if placed.frame.codec.kind is MediaKind.VIDEO:
                self._broken.add(placed.key)
            return False
        if placed.key in self._broken:
            if not placed.frame.keyframe:
                return False
            self._broken.discard(placed.key)
        return True
