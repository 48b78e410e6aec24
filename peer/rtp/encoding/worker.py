"""The encoder of a shared encoder, and the threads that all such encoders run on.

Threads: `EncoderWorker.run` is called on a worker thread, one job at a time.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from av import AudioFrame, VideoFrame

from peer.rtp.codecs import (
    AudioEncoder,
    CodecError,
    EncodedAudioPacket,
    EncodedVideoFrame,
    VideoEncoder,
)
from peer.rtp.codecs.rate_control import FRAMERATE
from peer.rtp_parameters import MediaKind
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.rtp.encoding.settings import EncodingSettings
    from peer.rtp.encoding.track_frame import TrackFrame
    from peer.times import Seconds

#: Threads of all audio encoders (ours): their own, so that audio never waits behind video.
AUDIO_THREADS = 2
#: Threads of all video encoders at most (ours).
MAX_VIDEO_THREADS = 16

Encoded: TypeAlias = EncodedVideoFrame | EncodedAudioPacket


@dataclass(frozen=True, slots=True)
class EncodeJob:
    """Frames to encode in one go, in their order.

    Args:
        frames: Decoded frames.
        keyframe: Whether the first video frame is to be a keyframe.
        bitrate: Target bitrate in bits/s; None for no change.
    """

    frames: tuple[TrackFrame, ...]
    keyframe: bool
    bitrate: int | None


@dataclass(frozen=True, slots=True)
class EncodeResult:
    """The result of encoding one frame.

    Args:
        frame: The decoded frame.
        encoded: One video frame, or audio packets; empty where encoding failed, or the frame was
            dropped.
        error: Error of the encoder; None where it succeeded.
        seconds: Seconds that the encoder worked on the frame.
    """

    frame: TrackFrame
    encoded: tuple[Encoded, ...] = ()
    error: Exception | None = None
    seconds: Seconds = 0.0


class EncoderWorker:
    """Runs the jobs of one encoder, one at a time, on any thread."""

    def __init__(self, settings: EncodingSettings) -> None:
        self._settings = settings
        self._video: VideoEncoder | None = None
        self._audio: AudioEncoder | None = None

    def run(self, job: EncodeJob) -> tuple[EncodeResult, ...]:
        """Encode the frames of a job, and return one result per frame."""
        return tuple(self._run_one(job, frame) for frame in job.frames)

    def _run_one(self, job: EncodeJob, frame: TrackFrame) -> EncodeResult:
        begun = time.perf_counter()
        try:
            encoded = self._encode(job, frame)
        except CodecError as error:
            return EncodeResult(frame, error=error)
        except Exception as error:
            self._video = self._audio = None
            return EncodeResult(frame, error=error)
        return EncodeResult(frame, encoded, seconds=time.perf_counter() - begun)

    def _encode(self, job: EncodeJob, frame: TrackFrame) -> tuple[Encoded, ...]:
        match frame.item:
            case VideoFrame() as video:
                if self._video is None:
                    self._video = VideoEncoder(
                        self._settings.codec,
                        scale_down_by=self._settings.scale_down_by,
                        framerate=min(self._settings.max_framerate or FRAMERATE, FRAMERATE),
                    )
                if job.bitrate is not None:
                    self._video.bitrate = job.bitrate
                return tuple(self._video.encode(video, keyframe=job.keyframe))
            case AudioFrame() as audio:
                if self._audio is None:
                    self._audio = AudioEncoder(self._settings.codec)
                return tuple(self._audio.encode(audio))
            case other:
                raise TypeError(f"{type(other).__name__} cannot be encoded")


@cache
def threads_of(kind: MediaKind) -> ThreadPoolExecutor:
    """Return the thread pool that all encoders of a kind share; threads start on demand."""
    count = AUDIO_THREADS
    if kind is MediaKind.VIDEO:
        count = min(max(os.cpu_count() or 1, 2), MAX_VIDEO_THREADS)
    return ThreadPoolExecutor(count, thread_name_prefix=f"encode-{kind}")
