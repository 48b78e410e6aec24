"""Track of one stream of a media file, which gives each frame when it is due."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from media.sources.errors import SourceError
from media.sources.file_reader import AUDIO_RATE, EncodedItem
from peer.rtp.encoded_frame import EncodedFrame
from peer.rtp.tracks import MediaTrack
from peer.times import UnixTime

if TYPE_CHECKING:
    from collections.abc import Callable

    from av import VideoFrame

    from media.sources.file_reader import Piece
    from media.sources.playhead import Playhead
    from media.sources.prefetch import Prefetch
    from peer.rtp_parameters import Codec, MediaKind
    from peer.times import MonotonicTime, Seconds

#: Seconds of delay beyond which a frame that nobody read is dropped (ours).
LATE = 1.0
#: Seconds that reading or decoding may take before the schedule is moved (ours).
SLACK = 0.2
#: Video frames since a key frame that are kept while frames are dropped (ours).
MOST_KEPT = 300
#: RTP clock rate of video, in Hz (RFC 3551 section 5).
_VIDEO_CLOCK = 90_000
#: Difference in seconds between a file's time (in milliseconds) and counted samples that is
#: rounding (ours).
_ROUNDING = Fraction(3, 2000)


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
        self._last: tuple[int, Fraction] | None = None

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
        play_time = piece.position + self._playhead.offset
        item = piece.item
        if isinstance(item, EncodedItem):
            return self._encoded(item, self._pts(play_time, item.codec.clock_rate, piece), piece)
        rate = AUDIO_RATE if isinstance(item, AudioFrame) else _VIDEO_CLOCK
        item.pts = self._pts(play_time, rate, piece)
        item.time_base = Fraction(1, rate)
        return item

    def _pts(self, play_time: Fraction, rate: int, piece: Piece) -> int:
        pts = round(play_time * rate)
        if self._last is not None:
            before, duration = self._last
            expected = before + round(duration * rate)
            if duration and abs(pts - expected) <= _ROUNDING * rate:
                pts = expected
            pts = max(pts, before + 1)
        self._last = pts, piece.duration
        return pts

    def _encoded(self, item: EncodedItem, pts: int, piece: Piece) -> EncodedFrame:
        now = asyncio.get_running_loop().time()
        return EncodedFrame(
            codec=item.codec,
            payload=item.payload,
            ssrc=0,
            timestamp=pts & 0xFFFFFFFF,
            pts=pts,
            arrival=now,
            # Audio and video have one clock, so that a receiver can play them in sync.
            wall_clock=UnixTime(time.time() - now + self._playhead.due(piece.position)),
            keyframe=piece.keyframe,
            width=item.shape.width,
            height=item.shape.height,
        )
