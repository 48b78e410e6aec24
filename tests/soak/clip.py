"""Owns the clip that everybody in the room of a soak plays: small enough for a bad link."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
from av import VideoFrame
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from tests.support.media.moving import sound_at

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 10
#: A second; each second begins with a key frame.
PICTURES, SOUNDS = 30, 50
WIDTH, HEIGHT = 320, 240
#: Bits a second, less than what a connection begins with.
_VIDEO, _AUDIO = 120_000, 32_000
_REALTIME = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}


def make_clip(path: Path) -> None:
    """VP8 and Opus."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libvpx", rate=PICTURES, options=_REALTIME)
        audio = container.add_stream("libopus", rate=48_000)
        assert isinstance(video, VideoStream)
        assert isinstance(audio, AudioStream)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.bit_rate = _VIDEO
        video.codec_context.gop_size = PICTURES
        audio.codec_context.bit_rate = _AUDIO
        for number in range(SECONDS * PICTURES):
            container.mux(video.encode(_picture(number)))
        for number in range(SECONDS * SOUNDS):
            container.mux(audio.encode(sound_at(number)))
        for stream in (video, audio):
            container.mux(stream.encode(None))


def _picture(number: int) -> VideoFrame:
    """A square that goes from left to right over a slope."""
    planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    planes[:HEIGHT] = np.linspace(40, 200, WIDTH, dtype=np.uint8)
    left = 4 * number % (WIDTH - 40)
    planes[100:140, left : left + 40] = np.random.default_rng(number).integers(60, 180, (40, 40))
    frame = VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, PICTURES)
    return frame
