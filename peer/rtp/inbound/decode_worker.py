"""The thread that decodes the video frames of one receiver."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from peer.rtp.codecs import FrameDecoder
from peer.rtp.inbound.readers import FrameQueue
from peer.rtp.inbound.stream_decoding import StreamDecoding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.rtp.codecs import Concealment
    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.inbound.stream_decoding import DecodeEvents, DecoderLike
    from peer.rtp.tracks import Frame
    from peer.rtp_parameters import Codec
    from peer.times import MonotonicTime, Seconds

#: Limit of the frames that wait for the decoder: frames held until the peer was verified, or held
#: back by the network, come at once (ours).
LIMIT = 64


class DecodeWorker:
    """Decodes frames on a thread of its own; never makes the event loop wait.

    A slow decoder loses whole runs of video frames up to a key frame, as `FrameQueue` says.

    Args:
        loop: The event loop that events are told on.
        events: Takes the events.
        clock: The monotonic clock, in seconds, for the time that decoding takes.
        make_decoder: Makes a decoder; raises DecodeError where there is none for the codec.
        limit: Frames that wait for the decoder at most.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        events: DecodeEvents,
        clock: Callable[[], MonotonicTime],
        *,
        make_decoder: Callable[[Codec], DecoderLike] = FrameDecoder,
        limit: int = LIMIT,
    ) -> None:
        self._loop = loop
        self._events = events
        self._decoding = StreamDecoding(self, clock, make_decoder)
        self._changed = threading.Condition()
        self._queue = FrameQueue(limit)
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="handfast-decoder", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        state = "ended" if self._ended else "running"
        return f"<DecodeWorker {state} waiting={len(self._queue)} dropped={self.dropped}>"

    @property
    def dropped(self) -> int:
        """Frames dropped as the decoder was slow, or refused frames that they build on."""
        return self._queue.dropped

    @property
    def awaits_keyframe(self) -> bool:
        """True while frames are dropped up to the next key frame."""
        return self._queue.awaits_keyframe

    def put(self, frame: EncodedFrame) -> None:
        """Add a frame to the queue of the decoder."""
        with self._changed:
            self._queue.put(frame)
            self._changed.notify()

    def end(self) -> None:
        """End the thread after the frame that it works on; no events follow."""
        with self._changed:
            self._ended = True
            self._queue.clear()
            self._changed.notify()

    async def wait_ended(self, timeout: Seconds) -> None:
        """Wait after `end` until the thread has ended, or `timeout` seconds."""
        await asyncio.to_thread(self._thread.join, timeout)

    # From the decoding, on the thread

    def on_decoded(self, frames: Sequence[Frame], source: EncodedFrame, seconds: Seconds) -> None:
        """Tell decoded frames on the event loop."""
        self._tell(self._events.on_decoded, frames, source, seconds)

    def on_concealed(self, concealment: Concealment) -> None:
        """Tell what fills in for lost sound on the event loop."""
        self._tell(self._events.on_concealed, concealment)

    def on_undecodable(self, source: EncodedFrame) -> None:
        """Drop what builds on a frame that was refused, and tell it on the event loop."""
        with self._changed:
            self._queue.drop_dependent()
        self._tell(self._events.on_undecodable, source)

    def _run(self) -> None:
        while (frame := self._next()) is not None:
            self._decoding.decode(frame)

    def _next(self) -> EncodedFrame | None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or len(self._queue))
            return None if self._ended else self._queue.take()

    def _tell(self, event: Callable[..., None], *arguments: object) -> None:
        if self._ended:
            return
        try:
            self._loop.call_soon_threadsafe(self._deliver, event, *arguments)
        except RuntimeError:
            # The loop was closed while a frame was decoded: nobody is left to tell.
            self.end()

    def _deliver(self, event: Callable[..., None], *arguments: object) -> None:
        if not self._ended:
            event(*arguments)
