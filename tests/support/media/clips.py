"""Owns short files made by PyAV, whose contents say where they lie, and looks into any file."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av import AudioFrame, VideoFrame
from av.stream import Disposition

from peer.rtp.codecs.scheduling import ordinary_scheduling

if TYPE_CHECKING:
    from pathlib import Path

RATE = 30
GOP = 10
SOUND_RATE = 48_000
_VIDEO_OPTIONS = {
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    "libx264": {"preset": "ultrafast", "tune": "zerolatency"},
    "libx265": {"preset": "ultrafast", "tune": "zerolatency", "x265-params": "log-level=none"},
    "libsvtav1": {"preset": "12"},
}


def luma_of(number: int) -> int:
    """How bright picture `number` of a clip is."""
    return 30 + 3 * (number % 60)


def make_clip(
    path: Path,
    *,
    seconds: float = 1.0,
    video: str | None = "libvpx",
    audio: str | None = "libopus",
    options: dict[str, str] | None = None,
    size: tuple[int, int] = (64, 64),
    cover: bool = False,
) -> Path:
    """A file of this many seconds: a picture 30 times a second, a tone of 440 Hz, a cover."""
    with av.open(str(path), "w") as container:
        pictures: Any = None
        if video is not None:
            pictures = container.add_stream(
                video, rate=RATE, options=options or _VIDEO_OPTIONS.get(video, {})
            )
            pictures.width, pictures.height = size
            pictures.pix_fmt = "yuv420p"
            pictures.codec_context.gop_size = GOP
            with ordinary_scheduling():
                pictures.codec_context.open()
        image: Any = None
        if cover:
            image = container.add_stream("mjpeg", rate=1, width=64, height=64, pix_fmt="yuvj420p")
            image.disposition = Disposition.attached_pic
        sound: Any = container.add_stream(audio, rate=SOUND_RATE) if audio else None
        if image is not None:
            container.mux([*image.encode(VideoFrame(64, 64, "yuvj420p")), *image.encode(None)])
        for number in range(round(seconds * RATE)):
            if pictures is not None:
                container.mux(pictures.encode(_picture(number, size)))
            if sound is not None:
                container.mux(sound.encode(_tone(number)))
        for stream in (pictures, sound):
            if stream is not None:
                container.mux(stream.encode(None))
    return path


def decoded(path: Path) -> dict[str, list[float]]:
    """The times of all frames of a file that can be decoded, in seconds, by the codec's name."""
    times: dict[str, list[float]] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            for frame in packet.decode():
                assert isinstance(frame, AudioFrame | VideoFrame)
                times.setdefault(packet.stream.codec_context.name, []).append(frame.time or 0.0)
    return times


def _picture(number: int, size: tuple[int, int]) -> VideoFrame:
    frame = VideoFrame.from_ndarray(
        np.full((size[1] * 3 // 2, size[0]), luma_of(number), np.uint8), format="yuv420p"
    )
    frame.pts, frame.time_base = number, Fraction(1, RATE)
    return frame


def _tone(number: int) -> AudioFrame:
    count = SOUND_RATE // RATE
    at = np.arange(number * count, (number + 1) * count) / SOUND_RATE
    wave = (8000 * np.sin(2 * np.pi * 440 * at)).astype(np.int16)
    frame = AudioFrame.from_ndarray(np.repeat(wave, 2)[None, :], format="s16", layout="stereo")
    frame.sample_rate, frame.pts = SOUND_RATE, number * count
    frame.time_base = Fraction(1, SOUND_RATE)
    return frame
