"""Owns the thread that decodes the frames of one receiver."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from peer.rtp.codecs import DecodeError, FrameDecoder
from peer.rtp.inbound.frame_queue import FrameQueue

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.tracks import Frame
    from peer.rtp_parameters import Codec

#: What was held until the peer was verified comes at once, and so does what a network held back.
LIMIT = 64


class DecoderLike(Protocol):
    """One stream's decoder."""

    def decode(self, payload: bytes, pts: int) -> Sequence[Frame]:
        """Raises DecodeError."""


class WorkerEvents(Protocol):
    """What a worker tells, on the event loop."""

    def on_decoded(self, frames: Sequence[Frame], source: EncodedFrame, seconds: float) -> None:
        """Frames came of an encoded one, in so much time."""

    def on_undecodable(self, source: EncodedFrame) -> None:
        """The decoder refused a frame; all up to the next key frame is dropped."""


class DecodeWorker:
    """Decodes what is put in until it is ended. It never makes the event loop wait.

    A decoder that is too slow loses whole runs of pictures up to a key frame, as `FrameQueue` says.

    Args:
        loop: Where events are told.
        events: Who is told.
        clock: Seconds, for the time that decoding takes.
        make_decoder: Raises DecodeError where there is none.
        limit: How many frames wait for the decoder at most.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        events: WorkerEvents,
        clock: Callable[[], float],
        *,
        make_decoder: Callable[[Codec], DecoderLike] = FrameDecoder,
        limit: int = LIMIT,
    ) -> None:
        self._loop = loop
        self._events = events
        self._clock = clock
        self._make_decoder = make_decoder
        self._changed = threading.Condition()
        self._queue = FrameQueue(limit)
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="handfast-decoder", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Frames that were dropped, as the decoder was slow or refused what they build on."""
        return self._queue.dropped

    @property
    def awaits_keyframe(self) -> bool:
        """Whether nothing is decoded before the next key frame."""
        return self._queue.awaits_keyframe

    def put(self, frame: EncodedFrame) -> None:
        """Decode this one as well."""
        with self._changed:
            self._queue.put(frame)
            self._changed.notify()

    def end(self) -> None:
        """End the thread after the frame that it works on; nothing is told any more."""
        with self._changed:
            self._ended = True
            self._queue.clear()
            self._changed.notify()

    def join(self, seconds: float) -> None:
        """Wait until the thread has ended; never to be called on the event loop."""
        self._thread.join(seconds)

    def _run(self) -> None:
        codec: Codec | None = None
        decoder: DecoderLike | None = None
        while (frame := self._next()) is not None:
            begun = self._clock()
            try:
                if decoder is None or frame.codec != codec:
                    codec = frame.codec
                    decoder = self._make_decoder(codec)
                decoded = decoder.decode(frame.payload, frame.pts)
            except DecodeError:
                with self._changed:
                    self._queue.lose()
                self._tell(self._events.on_undecodable, frame)
            else:
                self._tell(self._events.on_decoded, decoded, frame, self._clock() - begun)

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
            # The loop was closed while a frame was decoded: there is nobody left to tell.
            self.end()

    def _deliver(self, event: Callable[..., None], *arguments: object) -> None:
        if not self._ended:
            event(*arguments)
