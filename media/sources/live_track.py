"""Track of a live source, which gives each frame when it is due."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamError

from media.sources.errors import SourceError
from media.sources.given_frames import GivenFrames
from peer.rtp.tracks import MediaTrack
from peer.times import UnixTime

if TYPE_CHECKING:
    from collections.abc import Callable

    from av import AudioFrame, VideoFrame

    from media.sources.live_clock import LiveClock
    from media.sources.prefetch import Prefetch
    from media.sources.stream_decoder import Piece
    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp_parameters import Codec, MediaKind
    from peer.times import MonotonicTime, Seconds

#: Seconds of delay of the reader beyond which frames are left out (ours).
_LATE = 1.0


class LiveTrack(MediaTrack):
    """Plays one kind of a live source; made by `LiveSource`.

    Args:
        kind: Audio or video.
        codec: Codec of the encoded frames; None where frames are decoded.
        pieces: The pieces, read ahead.
        clock: Clock of the source.
        on_begin: Called when a read begins that nobody waited for; makes the newest frames next.
        on_error: Called with the error that ended the track early.

    Attributes:
        codec: Codec of the encoded frames; None where frames are decoded. Frames are sent only
            where this codec is agreed.
        dropped: Number of frames that were left out once they had been decoded or converted.
    """

    def __init__(
        self,
        kind: MediaKind,
        codec: Codec | None,
        pieces: Prefetch,
        clock: LiveClock,
        on_begin: Callable[[], None],
        on_error: Callable[[SourceError], None],
    ) -> None:
        super().__init__()
        self.kind = kind.value
        self.codec = codec
        self.dropped = 0
        self._pieces = pieces
        self._clock = clock
        self._on_begin = on_begin
        self._on_error = on_error
        self._wake = asyncio.Event()
        self._frames = GivenFrames()
        self._skipping = False

    async def recv(self) -> VideoFrame | AudioFrame | EncodedFrame:  # type: ignore[override]  # our senders take encoded frames
        """Return the next frame when it is due; timestamps go on with the real time.

        Video has a time base of 1/90000; audio is `s16` at 48 kHz, 20 ms a frame.

        Raises:
            MediaStreamError: The track has ended: it was stopped, the source has ended, or was lost
                for good, of which `LiveSource` emits an event.
        """
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time
        if self._clock.begin_read(now()):
            self._on_begin()
        try:
            return self._made(await self._next(now), now())
        except SourceError as error:
            self.stop()
            self._on_error(error)
            raise MediaStreamError from error
        finally:
            self._clock.end_read(now())

    def stop(self) -> None:
        """End the track, while the other one of the source goes on."""
        if self.readyState == "live":
            super().stop()
            self._pieces.close()
            self._wake.set()

    def jumped(self) -> None:
        """Look at the clock anew, as the source goes on elsewhere."""
        self._wake.set()

    async def _next(self, now: Callable[[], MonotonicTime]) -> Piece:
        while True:
            hungry = not self._pieces.ready
            piece = await self._pieces.front()
            if self.readyState != "live":
                raise MediaStreamError
            if piece is None:
                self.stop()
                raise MediaStreamError
            if piece.position < self._clock.floor:
                self._pieces.take()
                self.dropped += 1
                continue
            late = now() - self._clock.due(piece.position, now())
            if late < 0:
                await self._sleep(-late)
                continue
            if hungry:
                # The source was late, and not who reads it: all that follows is as late.
                self._clock.wait(piece.position, now())
                late = 0.0
            self._pieces.take()
            if not self._is_left_out(piece, late):
                self._clock.give(piece.position)
                return piece
            self.dropped += 1

    def _is_left_out(self, piece: Piece, late: Seconds) -> bool:
        """Tell if a piece came so late that it, and what depends on it, is left out."""
        if late > _LATE:
            self._skipping = True
        elif piece.keyframe:
            self._skipping = False
        return self._skipping

    async def _sleep(self, seconds: Seconds) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _made(self, piece: Piece, now: MonotonicTime) -> VideoFrame | AudioFrame | EncodedFrame:
        due = UnixTime(time.time() - now + self._clock.due(piece.position, now))
        play_time = self._clock.play_time(piece.position)
        return self._frames.made(piece, play_time, arrival=now, wall_clock=due)
