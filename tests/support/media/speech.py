"""Spoken sentences by espeak-ng, and a track that gives samples at the pace of real time."""

from __future__ import annotations

import asyncio
import io
import subprocess
import wave
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from media.sources.audio_queue import AudioQueue
from tests.support.project.tools import tool_path

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 48_000


@cache
def spoken(words: str) -> NDArray[np.int16]:
    """The words as a voice says them, at 48 kHz; for tests that are marked as needing espeak-ng."""
    command = [tool_path("espeak-ng"), "--stdout", words]
    said = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    with wave.open(io.BytesIO(said)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        rate = file.getframerate()
    queue = AudioQueue(1)
    queue.push(samples, rate)
    return queue.pull(len(samples) * RATE // rate).reshape(-1)


def silence(seconds: float, rate: int = RATE) -> NDArray[np.int16]:
    return np.zeros(round(seconds * rate), np.int16)


class PacedTrack(MediaStreamTrack):
    """Gives mono samples, 20 ms each 20 ms, then ends, or gives nothing more.

    Args:
        samples: At `rate`.
        rate: Sample rate in Hz.
        endless: Whether it gives nothing more behind the samples, instead of ending.
    """

    kind = "audio"

    def __init__(
        self, samples: NDArray[np.int16], *, rate: int = RATE, endless: bool = False
    ) -> None:
        super().__init__()
        self._samples = samples
        self._rate = rate
        self._endless = endless
        self._at = 0
        self._due = 0.0

    async def recv(self) -> AudioFrame:
        now = asyncio.get_running_loop().time()
        count = self._rate // 50
        self._due = max(self._due, now) + 0.02
        await asyncio.sleep(self._due - now)
        if self._at >= len(self._samples):
            if self._endless:
                await asyncio.get_running_loop().create_future()
            self.stop()
            raise MediaStreamError
        part = np.zeros(count, np.int16)
        taken = self._samples[self._at : self._at + count]
        part[: len(taken)] = taken
        frame = AudioFrame.from_ndarray(part.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.time_base = self._rate, Fraction(1, self._rate)
        frame.pts = self._at
        self._at += count
        return frame
