"""Owns `PushedAudio`: the track of sound that a program makes, as speech synthesis does."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from media.pace import Pace
from media.sources.sound_queue import RATE, SoundQueue
from peer.rtp.tracks import MediaTrack

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FRAME = 960  # 20 ms
# Seconds. A sender that reads again after a longer pause goes on with what is now.
_PATIENCE = 0.5
_LOWEST, _HIGHEST = 4_000, 384_000


class PushedAudio(MediaTrack):
    """Plays what is pushed in real time, and silence while there is nothing.

    Args:
        channels: 1 or 2, of what it gives; whatever is pushed is mixed to that.
        limit: Seconds that may wait. `push` waits where there is more.
    """

    kind = "audio"

    def __init__(self, *, channels: int = 1, limit: float = 10.0) -> None:
        super().__init__()
        if channels not in (1, 2):
            raise ValueError(f"{channels} channels; only 1 and 2 can be sent")
        self._layout = "mono" if channels == 1 else "stereo"
        self._queue = SoundQueue(channels)
        self._limit = limit
        self._pace = Pace(_FRAME / RATE, patience=_PATIENCE)
        self._changed = asyncio.Event()
        self._pushing = asyncio.Lock()
        self._interruptions = 0
        # Whether the frame that was given last holds the last of what was pushed.
        self._sounding = False

    @property
    def waiting(self) -> float:
        """Seconds of sound that were pushed and not given yet."""
        return self._queue.seconds

    async def push(self, samples: NDArray[np.int16] | bytes, *, rate: int = RATE) -> bool:
        """Add sound behind what waits already; waits while that is too much.

        Args:
            samples: Shape (n,) for mono, (n, 2) for stereo; or bytes, mono in the order of this
                machine.
            rate: In hertz.

        Returns:
            Whether all of it was queued: false where `interrupt` or `stop` came first.

        Raises:
            TypeError: They are not 16-bit integers.
            ValueError: The shape or the rate is none that can be.
        """
        array = _checked(samples, rate)
        before = self._interruptions
        async with self._pushing:
            step = max(1, round(rate * min(self._limit, 1.0)))
            for at in range(0, len(array), step):
                while self._queue.seconds >= self._limit and before == self._interruptions:
                    await self._change()
                if before != self._interruptions or self.readyState != "live":
                    return False
                self._queue.push(array[at : at + step], rate)
        return True

    def interrupt(self) -> None:
        """Drop all that waits, at once: the next frame is silence, or what is pushed next."""
        self._interruptions += 1
        self._queue.clear()
        self._sounding = False
        self._changed.set()

    async def drained(self) -> bool:
        """Wait until all that was pushed has been given, and lasted its time.

        Returns:
            False where `interrupt` or `stop` came first.
        """
        before = self._interruptions
        while self._sounding or not self._queue.empty:
            if self.readyState != "live":
                return False
            await self._change()
            if before != self._interruptions:
                return False
        return before == self._interruptions

    async def recv(self) -> AudioFrame:
        """The next 20 ms, `s16` at 48 kHz, when their time has come.

        Raises:
            MediaStreamError: The track has ended.
        """
        if self.readyState != "live":
            raise MediaStreamError
        number = await self._pace.next()
        if self.readyState != "live":
            raise MediaStreamError
        self._sounding = not self._queue.empty
        samples = self._queue.pull(_FRAME)
        self._changed.set()
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=self._layout)
        frame.sample_rate = RATE
        frame.pts = number * _FRAME
        frame.time_base = Fraction(1, RATE)
        return frame

    def stop(self) -> None:
        """End the track; what waits is dropped."""
        if self.readyState == "live":
            super().stop()
            self.interrupt()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def _checked(samples: NDArray[np.int16] | bytes, rate: int) -> NDArray[np.int16]:
    array = np.frombuffer(samples, np.int16) if isinstance(samples, bytes) else samples
    dtype = getattr(array, "dtype", type(array).__name__)
    if dtype != np.int16:
        raise TypeError(f"samples are an array of int16, not {dtype}")
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] not in (1, 2)):
        raise ValueError(f"samples have the shape (n,) or (n, 2), not {array.shape}")
    if not _LOWEST <= rate <= _HIGHEST:
        raise ValueError(f"{rate} Hz is not between {_LOWEST} and {_HIGHEST}")
    return array
