"""Moving video and audio as input for encoders."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from av import VideoFrame

from peer.rtp.codecs import VideoEncoder, accepted, installed
from peer.rtp_parameters import MediaKind
from tests.support.media.frames import tone

if TYPE_CHECKING:
    from av import AudioFrame

    from peer.rtp_parameters import Codec

TIME_BASE = Fraction(1, 90_000)


def moving_picture(
    index: int, *, width: int = 320, height: int = 240, framerate: int = 30, noise: int = 24
) -> VideoFrame:
    """Make a video frame that costs bits: a moving pattern under noise that never repeats."""
    rows, columns = np.mgrid[0 : height * 3 // 2, 0:width]
    pattern = (columns * 2 + rows + index * 5) % 200
    grain = np.random.default_rng(index).integers(0, noise + 1, pattern.shape)
    frame = VideoFrame.from_ndarray((pattern + grain).astype(np.uint8), format="yuv420p")
    frame.pts = index * 90_000 // framerate
    frame.time_base = TIME_BASE
    return frame


def sound_at(index: int, *, seconds: float = 0.02, pitch: float = 450) -> AudioFrame:
    """Make a frame of 48 kHz stereo with its time.

    The default pitch fits frames of 20 ms, so that the tone continues from one to the next.
    """
    frame = tone(pitch, seconds)
    frame.pts = index * frame.samples
    frame.time_base = Fraction(1, frame.sample_rate)
    return frame


def codec_named(name: str) -> Codec:
    """Return the first codec of this name, of those that we offer and those that we accept."""
    every = (*installed(MediaKind.AUDIO), *installed(MediaKind.VIDEO), *accepted(MediaKind.VIDEO))
    return next(codec for codec in every if codec.name == name)


def vp8_pictures(count: int) -> list[bytes]:
    """Encode small video frames, the first of which is a keyframe."""
    encoder = VideoEncoder(codec_named("VP8"))
    return [
        picture.payload
        for index in range(count)
        for picture in encoder.encode(moving_picture(index, width=16, height=16), keyframe=False)
    ]
