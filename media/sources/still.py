"""Tracks to send in place of muted media: a flat picture, and silence."""

from __future__ import annotations

from fractions import Fraction

from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from media.pace import Pace
from media.planes import FORMAT, planes
from media.synthetic import SyntheticAudioTrack
from peer.rtp.tracks import MediaTrack

#: RTP clock rate of video, in Hz (RFC 3551 section 5).
_CLOCK = 90_000
#: Seconds behind schedule beyond which frames are skipped (ours).
_SKIP_AFTER = 1.0
#: Black as (Y, U, V).
BLACK = (16, 128, 128)


class FlatPicture(MediaTrack):
    """Gives frames of one colour.

    Args:
        colour: The colour as (Y, U, V), each 0 to 255; black by default.
        width: Width in pixels, even.
        height: Height in pixels, even.
        rate: Frames a second.
    """

    kind = "video"

    def __init__(
        self,
        *,
        colour: tuple[int, int, int] = BLACK,
        width: int = 640,
        height: int = 480,
        rate: int = 5,
    ) -> None:
        super().__init__()
        self._colour = colour
        self._size = width, height
        self._rate = rate
        self._pace = Pace(1 / rate, skip_after=_SKIP_AFTER)

    async def recv(self) -> VideoFrame:
        """Return the next frame, `yuv420p`, when it is due.

        Raises:
            MediaStreamError: The track has ended.
        """
        if self.readyState != "live":
            raise MediaStreamError
        number = await self._pace.next()
        frame = VideoFrame(*self._size, FORMAT)
        for plane, value in zip(planes(frame), self._colour, strict=True):
            plane[:] = value
        frame.pts = number * _CLOCK // self._rate
        frame.time_base = Fraction(1, _CLOCK)
        return frame


class Silence(SyntheticAudioTrack):
    """Gives silence, 48 kHz mono, 20 ms a frame."""

    def __init__(self) -> None:
        super().__init__(amplitude=0.0)
