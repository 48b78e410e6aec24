"""Tracks that can be told apart when they arrive, and readers that tell them apart."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import cast

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from media import SyntheticAudioTrack, ToneMeter
from media.planes import planes
from tests.support.clock.deadline import DEADLINE

#: (Y, U, V) of pictures that a codec leaves apart at any quality.
RED = (82, 90, 240)
GREEN = (145, 54, 34)
BLUE = (41, 240, 110)
#: How far a codec may move them.
TOLERANCE = 12


class ColourTrack(MediaStreamTrack):
    """Small pictures of one colour, thirty a second."""

    kind = "video"

    def __init__(self, colour: tuple[int, int, int]) -> None:
        super().__init__()
        self._colour = colour
        self._number = 0

    async def recv(self) -> VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        await asyncio.sleep(1 / 30)
        frame = VideoFrame(96, 64, "yuv420p")
        for plane, value in zip(planes(frame), self._colour, strict=True):
            plane[:] = value
        frame.pts, self._number = self._number * 3000, self._number + 1
        frame.time_base = Fraction(1, 90_000)
        return frame


class ToneTrack(SyntheticAudioTrack):
    """A loud tone."""

    def __init__(self, pitch: float) -> None:
        super().__init__(pitch=pitch, amplitude=0.5)


def colour_of(frame: VideoFrame) -> tuple[int, int, int]:
    """The mean of each plane."""
    y, u, v = (round(float(plane.mean())) for plane in planes(frame))
    return y, u, v


def is_colour(frame: VideoFrame, colour: tuple[int, int, int]) -> bool:
    """Whether a picture that was encoded and decoded had this colour."""
    found = colour_of(frame)
    return all(abs(a - b) <= TOLERANCE for a, b in zip(found, colour, strict=True))


async def sees(track: MediaStreamTrack, colour: tuple[int, int, int]) -> None:
    """Wait until a picture of this colour comes."""
    async with asyncio.timeout(DEADLINE):
        while not is_colour(cast("VideoFrame", await track.recv()), colour):
            pass


async def hears(track: MediaStreamTrack, pitch: float) -> None:
    """Wait until the last half second has this tone as its strongest."""
    meter = ToneMeter()
    async with asyncio.timeout(DEADLINE):
        while True:
            frame = cast("AudioFrame", await track.recv())
            meter.hear(frame)
            heard = meter.measure()
            if heard.level > -30 and heard.pitch is not None and abs(heard.pitch - pitch) < 5:
                return
