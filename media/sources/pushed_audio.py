"""Track of audio that a program pushes, as from speech synthesis."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from media.pace import Pace
from media.sources.audio_queue import RATE, AudioQueue
from peer.rtp.tracks import MediaTrack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from peer.times import Seconds

_FRAME = 960  # Samples a frame: 20 ms.
#: Seconds behind schedule, as after a pause of the reader, beyond which frames are skipped (ours).
_SKIP_AFTER = 0.5
#: Sample rates that can be pushed, in Hz (ours).
_LOWEST, _HIGHEST = 4_000, 384_000
#: Formats of a buffer, as of the module `struct`: octets, and 16-bit integers of this machine.
_OCTETS = frozenset({"B", "b", "c", "h", "@h", "=h"})


class PushedAudio(MediaTrack):
    """Plays pushed audio in real time, and silence in between.

    Audio may be pushed as it is made, at any rate: it begins once 40 ms are queued, or after 40 ms,
    so that it may come that much late. Where that was not enough it becomes more, up to 200 ms.

    Args:
        channels: Channels of the track, 1 or 2; pushed audio is mixed to that.
        limit: Seconds of audio that may be queued; beyond it, `push` waits.
    """

    kind = "audio"

    def __init__(self, *, channels: int = 1, limit: Seconds = 10.0) -> None:
        super().__init__()
        if channels not in (1, 2):
            raise ValueError(f"{channels} channels; only 1 and 2 can be sent")
        self._layout = "mono" if channels == 1 else "stereo"
        self._queue = AudioQueue(channels)
        self._limit = limit
        self._pace = Pace(_FRAME / RATE, skip_after=_SKIP_AFTER)
        self._changed = asyncio.Event()
        self._pushing = asyncio.Lock()
        # The first octet of a sample whose second one is not here yet.
        self._odd = b""
        self._interruptions = 0
        # True while the latest frame holds pushed audio.
        self._sounding = False

    @property
    def waiting(self) -> Seconds:
        """Seconds of audio that are queued."""
        return self._queue.seconds

    async def push(
        self, samples: NDArray[np.int16] | bytes | bytearray | memoryview, *, rate: int = RATE
    ) -> bool:
        """Queue audio, and wait while more than the limit is queued.

        Args:
            samples: Shape (n,) or (1, n) for mono, (n, 2) for stereo; or bytes, a bytearray or
                another buffer, mono in native byte order. Bytes may be cut anywhere: half a sample
                waits for the bytes that are pushed next.
            rate: Sample rate in Hz.

        Returns:
            True if all of it was queued; false if `interrupt` or `stop` came first.

        Raises:
            TypeError: The samples are not 16-bit integers.
            ValueError: The shape or the rate is not supported.
        """
        _check_rate(rate)
        pushed = _octets(samples) if not isinstance(samples, np.ndarray) else _checked(samples)
        before = self._interruptions
        async with self._pushing:
            if before != self._interruptions:
                return False
            if isinstance(pushed, bytes):
                array = self._whole(pushed)
            else:
                array, self._odd = pushed, b""
            step = max(1, round(rate * min(self._limit, 1.0)))
            for at in range(0, len(array), step):
                while self._queue.seconds >= self._limit and before == self._interruptions:
                    await self._change()
                if before != self._interruptions or self.readyState != "live":
                    return False
                self._queue.push(array[at : at + step], rate)
        return True

    def interrupt(self) -> None:
        """Drop all queued audio, so that the next frame is silence or what is pushed next."""
        self._interruptions += 1
        self._queue.clear()
        self._odd = b""
        self._sounding = False
        self._changed.set()

    async def drained(self) -> bool:
        """Wait until all pushed audio has been played to its end.

        Returns:
            True if it was; false if `interrupt` or `stop` came first.
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
        """Return the next 20 ms, `s16` at 48 kHz, when they are due.

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
        """End the track and drop queued audio."""
        if self.readyState == "live":
            super().stop()
            self.interrupt()

    def _whole(self, octets: bytes) -> NDArray[np.int16]:
        octets = self._odd + octets
        end = len(octets) - len(octets) % 2
        self._odd = octets[end:]
        return np.frombuffer(octets[:end], np.int16)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def _check_rate(rate: int) -> None:
    if not _LOWEST <= rate <= _HIGHEST:
        raise ValueError(f"{rate} Hz is not between {_LOWEST} and {_HIGHEST}")


def _checked(array: NDArray[np.int16]) -> NDArray[np.int16]:
    if array.dtype != np.int16:
        raise TypeError(f"samples are an array of int16, not {array.dtype}")
    if array.ndim == 2 and array.shape[0] == 1 and array.shape[1] != 2:
        # As `AudioFrame.to_ndarray` gives mono.
        return array.reshape(-1)
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] not in (1, 2)):
        raise ValueError(f"samples have the shape (n,), (1, n) or (n, 2), not {array.shape}")
    return array


def _octets(samples: bytes | bytearray | memoryview) -> bytes:
    try:
        view = memoryview(samples)
    except TypeError:
        name = type(samples).__name__
        raise TypeError(f"samples are bytes, or an array of int16, not {name}") from None
    if view.format not in _OCTETS:
        raise TypeError(f"samples are a buffer of bytes or int16, not of format {view.format}")
    return view.tobytes()
