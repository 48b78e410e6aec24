"""Events of the writer thread, passed on to the event loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from media.recording.events import Progress, RecordingFailure, Segment, Transcoding


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopListener:
    """Callbacks for the events of the writer thread, called on the event loop.

    Args:
        on_progress: Called about each second of the recording.
        on_segment: Called with a complete file, and the progress of all files.
        on_failure: Called with a failure to write.
        on_keyframe_wanted: Called with the key of a track that needs a key frame.
        on_transcoding: Called when the transcoding of a track begins.
    """

    on_progress: Callable[[Progress], None]
    on_segment: Callable[[Segment, Progress], None]
    on_failure: Callable[[RecordingFailure], None]
    on_keyframe_wanted: Callable[[Hashable], None]
    on_transcoding: Callable[[Transcoding], None]


class LoopBridge:
    """Passes the events of the writer thread on to the event loop, in order.

    Args:
        loop: The event loop.
        listener: Callbacks on the loop.

    Attributes:
        finished: Set when the thread has ended.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, listener: LoopListener) -> None:
        self.finished = asyncio.Event()
        self._loop = loop
        self._listener = listener

    def call(self, function: Callable[[], None]) -> None:
        """Call a function on the event loop; does nothing after the loop was closed."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)

    def on_progress(self, progress: Progress) -> None:
        """Pass on the progress of the recording."""
        self.call(lambda: self._listener.on_progress(progress))

    def on_segment(self, segment: Segment, progress: Progress) -> None:
        """Pass on that a file is complete."""
        self.call(lambda: self._listener.on_segment(segment, progress))

    def on_failure(self, failure: RecordingFailure) -> None:
        """Pass on a failure to write."""
        self.call(lambda: self._listener.on_failure(failure))

    def on_keyframe_wanted(self, key: Hashable) -> None:
        """Pass on that a track needs a key frame."""
        self.call(lambda: self._listener.on_keyframe_wanted(key))

    def on_transcoding(self, transcoding: Transcoding) -> None:
        """Pass on that the transcoding of a track begins."""
        self.call(lambda: self._listener.on_transcoding(transcoding))

    def on_finished(self) -> None:
        """Pass on that the thread has ended."""
        self.call(self.finished.set)
