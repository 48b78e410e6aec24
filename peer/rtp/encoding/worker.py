"""Owns the encoder of a shared encoding, and the threads that such encoders work in."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from av import AudioFrame, VideoFrame

from peer.rtp.codecs import AudioEncoder, CodecError, EncodedPicture, EncodedSound, VideoEncoder
from peer.rtp.codecs.rate import FRAMERATE
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from peer.rtp.encoding.reading import Reading
    from peer.rtp.encoding.settings import EncodingSettings

# Sound has threads of its own, lest it wait behind pictures.
SOUND_THREADS = 2
MAX_PICTURE_THREADS = 16


@dataclass(frozen=True, slots=True)
class Job:
    """What to encode in one go, in order.

    Args:
        readings: Decoded frames.
        keyframe: Whether the first picture is to be a key frame.
        bitrate: In bits a second; None to leave it.
    """

    readings: tuple[Reading, ...]
    keyframe: bool
    bitrate: int | None


@dataclass(frozen=True, slots=True)
class Made:
    """What came of one frame.

    Args:
        reading: Where it came from.
        results: One picture, or packets of sound; nothing where it failed or was left out.
        error: Why it failed; None where it did not.
        seconds: How long the encoder worked on it.
    """

    reading: Reading
    results: tuple[EncodedPicture | EncodedSound, ...] = ()
    error: Exception | None = None
    seconds: float = 0.0


class EncoderWorker:
    """Used by one job at a time, in whatever thread."""

    def __init__(self, settings: EncodingSettings) -> None:
        self._settings = settings
        self._pictures: VideoEncoder | None = None
        self._sound: AudioEncoder | None = None

    def run(self, job: Job) -> tuple[Made, ...]:
        """What came of each frame of a job."""
        return tuple(self._make(job, reading) for reading in job.readings)

    def _make(self, job: Job, reading: Reading) -> Made:
        begun = time.perf_counter()
        try:
            results = self._encode(job, reading)
        except CodecError as error:
            return Made(reading, error=error)
        except Exception as error:
            self._pictures = self._sound = None
            return Made(reading, error=error)
        return Made(reading, results, seconds=time.perf_counter() - begun)

    def _encode(self, job: Job, reading: Reading) -> tuple[EncodedPicture | EncodedSound, ...]:
        match reading.item:
            case VideoFrame() as picture:
                if self._pictures is None:
                    self._pictures = VideoEncoder(
                        self._settings.codec,
                        scale_down_by=self._settings.scale_down_by,
                        framerate=min(self._settings.max_framerate or FRAMERATE, FRAMERATE),
                    )
                if job.bitrate is not None:
                    self._pictures.bitrate = job.bitrate
                return tuple(self._pictures.encode(picture, keyframe=job.keyframe))
            case AudioFrame() as sound:
                if self._sound is None:
                    self._sound = AudioEncoder(self._settings.codec)
                return tuple(self._sound.encode(sound))
            case other:
                raise TypeError(f"{type(other).__name__} cannot be encoded")


@cache
def threads_of(kind: MediaKind) -> ThreadPoolExecutor:
    """The threads that all encoders of a kind share; they are started as they are needed."""
    count = SOUND_THREADS
    if kind is MediaKind.VIDEO:
        count = min(max(os.cpu_count() or 1, 2), MAX_PICTURE_THREADS)
    return ThreadPoolExecutor(count, thread_name_prefix=f"encode-{kind}")
