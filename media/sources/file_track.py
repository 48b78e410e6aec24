"""Track of one stream of a media file, which gives each frame when it is due."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamError

from media.sources.errors import SourceError
from media.sources.given_frames import GivenFrames
from peer.rtp.tracks import MediaTrack
from peer.times import UnixTime

if TYPE_CHECKING:
    from collections.abc import Callable

    from av import AudioFrame, VideoFrame

    from media.sources.playhead import Playhead
    from media.sources.prefetch import Prefetch
    from media.sources.stream_decoder import Piece
    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp_parameters import Codec, MediaKind
    from peer.times import MonotonicTime, Seconds

#: Seconds of delay beyond which a frame that nobody read is dropped (ours).
LATE = 1.0
#: Seconds that reading or decoding may take before the schedule is moved (ours).
SLACK = 0.2
#: Video frames since a key frame that are kept while frames are dropped (ours).
MOST_KEPT = 300


class FileTrack(MediaTrack):
    """Plays one stream of a file in real time; made by `FileSource`.

    Args:
        kind: Audio or video.
        codec: Codec of the encoded frames; None where frames are decoded.
        pieces: The pieces of the stream, read ahead.
        playhead: Clock of the file.
        on_error: Called with the error that ended the track early.

    Attributes:
        codec: Codec of the encoded frames; None where frames are decoded. Frames are sent only
            where this codec is agreed, so prefer it:
            `transceiver.setCodecPreferences([track.codec.mimeType])`.
        dropped: Number of frames that were not read in time.
    """

    def __init__(
        self,
        kind: MediaKind,
        codec: Codec | None,
        pieces: Prefetch,
        playhead: Playhead,
        on_error: Callable[[SourceError], None],
    ) -> None:
        super().__init__()
        self.kind = kind.value
        self.codec = codec
        self.dropped = 0
        self._pieces = pieces
        self._playhead = playhead
        self._on_error = on_error
        self._wake = asyncio.Event()
        self._skipping = False
        self._kept: deque[Piece] = deque()
        self._catching_up: deque[Piece] = deque()
        self._end = Fraction(0)
        self._frames = GivenFrames()

    async def recv(self) -> VideoFrame | AudioFrame | EncodedFrame:  # type: ignore[override]  # our senders take encoded frames
        """Return the next frame when it is due.

        Video has a time base of 1/90000; audio is `s16` at 48 kHz, 20 ms a frame.

        Raises:
            MediaStreamError: The track has ended: it was stopped, the file is at its end, or the
                file cannot be read on, of which `FileSource` emits an event.
        """
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time
        self._playhead.begin_read(now())
        try:
            return self._made(await self._next(now))
        except SourceError as error:
            self.stop()
            self._on_error(error)
            raise MediaStreamError from error
        finally:
            self._playhead.end_read(now())

    def stop(self) -> None:
        """End the track, while the other one of the file goes on."""
        if self.readyState == "live":
            super().stop()
            self._pieces.close()
            self._wake.set()

    def jumped(self) -> None:
        """Forget the pieces before a seek."""
        self._end = Fraction(0)
        self._skipping = False
        self._kept.clear()
        self._catching_up.clear()
        self._wake.set()

    async def _next(self, now: Callable[[], MonotonicTime]) -> Piece:
        while not self._catching_up:
            asked, hungry = now(), not self._pieces.ready
            piece = await self._pieces.front()
            if self.readyState != "live":
                raise MediaStreamError
            due = self._playhead.due(self._end if piece is None else piece.position)
            late = now() - due
            if late < 0:
                await self._sleep_until(due)
            elif piece is None:
                self.stop()
                raise MediaStreamError
            else:
                if hungry and not self._skipping and late > SLACK:
                    waited = now() - max(asked, due)
                    self._playhead.wait_for_disk(waited)
                    late -= waited
                self._pieces.take()
                self._end = piece.position + piece.duration
                if late > LATE:
                    self._skipping = True
                if not self._skipping:
                    return piece
                self._skip(piece, late)
        return self._catching_up.popleft()

    def _skip(self, piece: Piece, late: Seconds) -> None:
        """Drop late pieces, but keep video frames that a later one in time depends on."""
        if piece.keyframe:
            self.dropped += len(self._kept)
            self._kept.clear()
        if piece.keyframe or 0 < len(self._kept) < MOST_KEPT:
            self._kept.append(piece)
        else:
            self.dropped += len(self._kept) + 1
            self._kept.clear()
        if late <= LATE and self._kept:
            self._skipping = False
            self._catching_up, self._kept = self._kept, deque()

    async def _sleep_until(self, moment: MonotonicTime) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout_at(moment):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _made(self, piece: Piece) -> VideoFrame | AudioFrame | EncodedFrame:
        now = asyncio.get_running_loop().time()
        due = UnixTime(time.time() - now + self._playhead.due(piece.position))
        play_time = piece.position + self._playhead.offset
        return self._frames.made(piece, play_time, arrival=now, wall_clock=due)
