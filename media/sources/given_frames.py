"""Frames of one track as they are given: with timestamps that rise evenly."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from av import AudioFrame

from media.sources.stream_decoder import AUDIO_RATE, EncodedItem
from peer.rtp.encoded_frame import EncodedFrame

if TYPE_CHECKING:
    from av import VideoFrame

    from media.sources.stream_decoder import Piece
    from peer.times import MonotonicTime, UnixTime

#: RTP clock rate of video, in Hz (RFC 3551 section 5).
_VIDEO_CLOCK = 90_000
#: Difference in seconds between a file's time (in milliseconds) and counted samples that is
#: rounding (ours).
_ROUNDING = Fraction(3, 2000)


class GivenFrames:
    """Makes the frames that a track gives of its pieces."""

    def __init__(self) -> None:
        self._last: tuple[int, Fraction] | None = None

    def made(
        self, piece: Piece, play_time: Fraction, *, arrival: MonotonicTime, wall_clock: UnixTime
    ) -> VideoFrame | AudioFrame | EncodedFrame:
        """Return the frame of a piece.

        Args:
            piece: The piece.
            play_time: When it is given, in seconds from the track's beginning.
            arrival: The time at present.
            wall_clock: When it is due.
        """
        item = piece.item
        if isinstance(item, EncodedItem):
            pts = self._pts(play_time, item.codec.clock_rate, piece)
            return EncodedFrame(
                codec=item.codec,
                payload=item.payload,
                ssrc=0,
                timestamp=pts & 0xFFFFFFFF,
                pts=pts,
                arrival=arrival,
                # Audio and video have one clock, so that a receiver can play them in sync.
                wall_clock=wall_clock,
                keyframe=piece.keyframe,
                width=item.shape.width,
                height=item.shape.height,
            )
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
