"""The readers of what a receiver gets, and the bounded queue of encoded frames of each."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from peer.errors import ConfigurationError
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoded_frame import EncodedFrame


#: Default limit of the frames in a queue (ours).
LIMIT = 64
#: Bytes of the frames in a queue (ours): frames of half a megabyte each.
SIZE_LIMIT = 32 * 1024 * 1024

ItemT = TypeVar("ItemT", contravariant=True)


class ItemConsumer(Protocol[ItemT]):
    """A reader as a receiver sees it; no call raises or waits."""

    def put(self, item: ItemT, /) -> None:
        """Take the next item."""

    def finish(self) -> None:
        """Learn that no item follows."""

    def abandon(self) -> None:
        """Learn that no item follows, and drop those that wait."""


class Readers(Generic[ItemT]):
    """Gives each item to every reader, at once.

    Readers are held weakly: one that the application has let go gets no more items.
    """

    def __init__(self) -> None:
        self._readers: tuple[weakref.ref[ItemConsumer[ItemT]], ...] = ()
        self._finished = False

    def add(self, reader: ItemConsumer[ItemT]) -> None:
        """Give items to one more reader from now on."""
        if self._finished:
            reader.finish()
        else:
            self._readers = (*self._present(), weakref.ref(reader))

    def remove(self, reader: ItemConsumer[ItemT]) -> None:
        """Give a reader no more items; nothing happens where it gets none."""
        self._readers = tuple(each for each in self._present() if each() is not reader)

    def put(self, item: ItemT) -> None:
        """Give an item to every reader."""
        gone = False
        for each in self._readers:
            reader = each()
            if reader is None:
                gone = True
            else:
                reader.put(item)
        if gone:
            self._readers = self._present()

    def finish(self) -> None:
        """Tell every reader, now and later, that no item follows; any number of times."""
        for reader in self._end():
            reader.finish()

    def abandon(self) -> None:
        """Finish every reader, and drop the items that wait."""
        for reader in self._end():
            reader.abandon()

    def _end(self) -> list[ItemConsumer[ItemT]]:
        self._finished = True
        readers, self._readers = self._readers, ()
        return [reader for each in readers if (reader := each()) is not None]

    def _present(self) -> tuple[weakref.ref[ItemConsumer[ItemT]], ...]:
        return tuple(each for each in self._readers if each() is not None)


class FrameQueue:
    """Keeps frames that a reader can decode: it begins with a key frame, also after each loss.

    A full queue drops the oldest frame, and with it all that cannot be decoded without it: every
    frame up to the next key frame, be that one here or still to come. The frame after a loss has
    `gap` set. Every audio packet is a key frame, so that audio loses one packet at a time.

    Args:
        limit: Frames in the queue at most; full it is too with `SIZE_LIMIT` bytes.

    Attributes:
        dropped: Frames lost because the reader was slow, without those before the first key frame:
            the reader had not asked for them yet.
    """

    __slots__ = ("_awaits_keyframe", "_frames", "_gap", "_limit", "_size", "dropped")

    def __init__(self, limit: int = LIMIT) -> None:
        self.dropped = 0
        self._limit = limit
        self._frames: deque[EncodedFrame] = deque()
        self._size = 0
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
        size = self._size + len(frame.payload)
        while self._frames and (len(self._frames) >= self._limit or size > SIZE_LIMIT):
            self._pop()
            self.dropped += 1
            self._drop_to_keyframe()
            size = self._size + len(frame.payload)
        if not frame.keyframe and (self._awaits_keyframe or frame.gap):
            # A frame after a gap builds on missing ones, wherever those were lost.
            self._gap = self._gap or frame.gap
            self.dropped += self._gap
            self._awaits_keyframe = True
            return
        self._frames.append(_after_gap(frame) if self._gap else frame)
        self._size = size
        self._awaits_keyframe = self._gap = False

    def take(self) -> EncodedFrame | None:
        """Take the oldest frame out of the queue; None where it is empty."""
        return self._pop() if self._frames else None

    def drop_dependent(self) -> None:
        """Count the frame taken last as dropped, and drop all that builds on it."""
        self.dropped += 1
        self._drop_to_keyframe()

    def clear(self) -> None:
        """Drop everything, uncounted, and begin anew."""
        self._frames.clear()
        self._size = 0
        self._awaits_keyframe = True
        self._gap = False

    def _pop(self) -> EncodedFrame:
        frame = self._frames.popleft()
        self._size -= len(frame.payload)
        return frame

    def _drop_to_keyframe(self) -> None:
        while self._frames and not self._frames[0].keyframe:
            self._pop()
            self.dropped += 1
        if self._frames:
            self._frames[0] = _after_gap(self._frames[0])
        else:
            self._awaits_keyframe = self._gap = True


def _after_gap(frame: EncodedFrame) -> EncodedFrame:
    return frame if frame.gap else replace(frame, gap=True)


class FrameReader:
    """An asynchronous iterator over encoded frames, from the next key frame on.

    Frames not fetched in time are dropped, as `FrameQueue` says; the frame after them has `gap`
    set. The iterator ends when the receiver stops, after the frames that had arrived by then.

    Args:
        on_keyframe_wanted: Called when the reader waits, and only a key frame helps.
        limit: Frames that wait for the reader at most.

    Raises:
        ConfigurationError: The limit is less than 1.
    """

    def __init__(self, on_keyframe_wanted: Callable[[], None], limit: int = LIMIT) -> None:
        if limit < 1:
            raise ConfigurationError(f"a reader cannot hold {limit} frames: at least 1")
        self._queue = FrameQueue(limit)
        self._on_keyframe_wanted = on_keyframe_wanted
        self._changed = asyncio.Event()
        self._finished = False

    @property
    def dropped(self) -> int:
        """Frames that were not fetched in time."""
        return self._queue.dropped

    @property
    def finished(self) -> bool:
        """True once only frames that wait are given."""
        return self._finished

    @property
    def awaits_keyframe(self) -> bool:
        """True while frames are dropped up to the next key frame."""
        return self._queue.awaits_keyframe

    def __repr__(self) -> str:
        state = "finished" if self._finished else "open"
        return f"<FrameReader {state} waiting={len(self._queue)} dropped={self.dropped}>"

    def take(self) -> EncodedFrame | None:
        """The next frame that waits, or None."""
        return self._queue.take()

    def __aiter__(self) -> FrameReader:
        return self

    async def __anext__(self) -> EncodedFrame:
        """Wait for the next frame."""
        while True:
            frame = self._queue.take()
            if frame is not None:
                return frame
            if self._finished:
                raise StopAsyncIteration
            if self._queue.awaits_keyframe:
                self._on_keyframe_wanted()
            self._changed.clear()
            await self._changed.wait()

    async def aclose(self) -> None:
        """Stop reading, and drop the frames that wait."""
        self.abandon()

    def put(self, frame: EncodedFrame) -> None:
        """Take the next frame of the receiver."""
        if not self._finished:
            self._queue.put(frame)
            self._changed.set()

    def finish(self) -> None:
        """End after the frames that wait."""
        self._finished = True
        self._changed.set()

    def abandon(self) -> None:
        """End, and drop the frames that wait."""
        self._queue.clear()
        self.finish()
