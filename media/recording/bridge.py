"""Owns the way from the thread that writes back to the event loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from media.recording.events import Progress, RecordingFailure, Segment, Transcoding


class LoopListener(Protocol):
    """Told of what happens on the thread, on the loop."""

    def on_progress(self, progress: Progress) -> None:
        """About each second of the recording."""

    def on_segment(self, segment: Segment, progress: Progress) -> None:
        """A file is complete; `progress` is what all have come to."""

    def on_failure(self, failure: RecordingFailure) -> None:
        """Something could not be written."""

    def on_keyframe_wanted(self, key: Hashable) -> None:
        """Nothing of this track can be written before its next key frame."""

    def on_transcoding(self, transcoding: Transcoding) -> None:
        """A track is encoded anew."""


class LoopBridge:
    """A listener of the thread that passes on what it is told, in order.

    Args:
        loop: Where to.
        listener: To whom.

    Attributes:
        finished: Set when the thread has done all.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, listener: LoopListener) -> None:
        self.finished = asyncio.Event()
        self._loop = loop
        self._listener = listener

    def call(self, function: Callable[[], None]) -> None:
        """Have something done on the loop."""
        # A loop that was closed in the middle of it has nobody left to tell.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)

    def on_progress(self, progress: Progress) -> None:
        """About each second of the recording."""
        self.call(lambda: self._listener.on_progress(progress))

    def on_segment(self, segment: Segment, progress: Progress) -> None:
        """A file is complete."""
        self.call(lambda: self._listener.on_segment(segment, progress))

    def on_failure(self, failure: RecordingFailure) -> None:
        """Something could not be written."""
        self.call(lambda: self._listener.on_failure(failure))

    def on_keyframe_wanted(self, key: Hashable) -> None:
        """Nothing of this track can be written before its next key frame."""
        self.call(lambda: self._listener.on_keyframe_wanted(key))

    def on_transcoding(self, transcoding: Transcoding) -> None:
        """A track is encoded anew."""
        self.call(lambda: self._listener.on_transcoding(transcoding))

    def on_finished(self) -> None:
        """The thread has done all."""
        self.call(self.finished.set)
