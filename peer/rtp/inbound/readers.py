"""Owns how what a receiver gets reaches any number of readers."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from peer.errors import ConfigurationError
from peer.rtp.inbound.frame_queue import LIMIT, FrameQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoded_frame import EncodedFrame


ItemT = TypeVar("ItemT", contravariant=True)


class ItemConsumer(Protocol[ItemT]):
    """What takes the items; no call raises or waits."""

    def put(self, item: ItemT, /) -> None:
        """Take the next one."""

    def finish(self) -> None:
        """None follows."""

    def abandon(self) -> None:
        """None follows, and those that wait are not to be read."""


class Readers(Generic[ItemT]):
    """Gives each item to everyone who reads, at once.

    It does not keep them alive: a reader that the application has let go gets nothing more.
    """

    def __init__(self) -> None:
        self._sinks: tuple[weakref.ref[ItemConsumer[ItemT]], ...] = ()
        self._finished = False

    def add(self, sink: ItemConsumer[ItemT]) -> None:
        """Give what comes to this one as well."""
        if self._finished:
            sink.finish()
        else:
            self._sinks = (*self._present(), weakref.ref(sink))

    def put(self, item: ItemT) -> None:
        """Give an item to everyone."""
        gone = False
        for each in self._sinks:
            sink = each()
            if sink is None:
                gone = True
            else:
                sink.put(item)
        if gone:
            self._sinks = self._present()

    def finish(self) -> None:
        """Tell everyone, those to come as well, that nothing follows; any number of times."""
        for sink in self._end():
            sink.finish()

    def abandon(self) -> None:
        """`finish`, and nobody is to read what waits."""
        for sink in self._end():
            sink.abandon()

    def _end(self) -> list[ItemConsumer[ItemT]]:
        self._finished = True
        sinks, self._sinks = self._sinks, ()
        return [sink for each in sinks if (sink := each()) is not None]

    def _present(self) -> tuple[weakref.ref[ItemConsumer[ItemT]], ...]:
        return tuple(each for each in self._sinks if each() is not None)


class FrameReader:
    """An asynchronous iterator over encoded frames, from the next key frame on.

    What is not fetched in time is dropped, as `FrameQueue` says; the frame after that has `gap`
    set. It ends when the receiver stops, after the frames that had arrived by then.

    Args:
        on_keyframe_wanted: Called when the reader waits, and nothing less than a key frame helps.
        limit: How many frames wait for the reader at most.

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
        """Whether nothing comes but what waits."""
        return self._finished

    @property
    def awaits_keyframe(self) -> bool:
        """Whether nothing less than a key frame helps."""
        return self._queue.awaits_keyframe

    def take(self) -> EncodedFrame | None:
        """The next frame, without waiting for one."""
        return self._queue.take()

    def __aiter__(self) -> FrameReader:
        return self

    async def __anext__(self) -> EncodedFrame:
        """The next frame."""
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
        """Stop reading; what waits is dropped."""
        self.abandon()

    def put(self, frame: EncodedFrame) -> None:
        """Take the next frame."""
        if not self._finished:
            self._queue.put(frame)
            self._changed.set()

    def finish(self) -> None:
        """No frame follows."""
        self._finished = True
        self._changed.set()

    def abandon(self) -> None:
        """No frame follows, and those that wait are dropped."""
        self._queue.clear()
        self.finish()
