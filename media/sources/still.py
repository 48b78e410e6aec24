"""Owns what is sent where nothing is to be seen or heard: a flat picture, and silence."""

from __future__ import annotations

from fractions import Fraction

from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from media.pace import Pace
from media.planes import FORMAT, planes
from media.synthetic import SyntheticAudioTrack
from peer.rtp.tracks import MediaTrack

_CLOCK = 90_000
_PATIENCE = 1.0
#: As (Y, U, V).
BLACK = (16, 128, 128)


class FlatPicture(MediaTrack):
    """One colour all over.

    Args:
        colour: As (Y, U, V), each 0 to 255; black by default.
        width: In pixels, even.
        height: In pixels, even.
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
        self._pace = Pace(1 / rate, patience=_PATIENCE)

    async def recv(self) -> VideoFrame:
        """The next frame, `yuv420p`, when its time has come.

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
    """Nothing to be heard, 48 kHz mono, 20 ms a frame."""

    def __init__(self) -> None:
        super().__init__(amplitude=0.0)
