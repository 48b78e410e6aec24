"""Queue of PCM samples of any rate, which are given at one rate. PURE."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from av import AudioFrame, AudioResampler

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from peer.times import Seconds

#: Sample rate of the output, in Hz (ours; that of Opus).
RATE = 48_000
#: Least and most samples that are queued before sound begins after a pause (ours): what is pushed
#: as it is made then may come that much later than the time it is due.
MARGIN, MOST_MARGIN = RATE * 40 // 1000, RATE * 200 // 1000
#: Samples of silence after which sound was paused; sound that comes sooner was late (ours).
_PAUSE = RATE // 4


class AudioQueue:
    """Queues PCM of any sample rate, and gives it at 48 kHz. PURE.

    Sound begins once 40 ms are queued, or 40 ms after it came, and then goes on until the queue is
    empty. Each time that sound comes too late to go on, these 40 ms double, up to 200.

    Args:
        channels: Channels of the output, 1 or 2.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._blocks: deque[NDArray[np.int16]] = deque()
        self._samples = 0
        self._resampler: AudioResampler | None = None
        self._shape = (RATE, channels)
        self._margin = MARGIN
        self._playing = False
        # Samples of silence given since sound was last given; none was yet.
        self._silence = _PAUSE
        # Samples of silence given while sound waited for more.
        self._waited = 0

    @property
    def margin(self) -> Seconds:
        """Seconds of audio that are queued before sound begins after a pause."""
        return self._margin / RATE

    @property
    def seconds(self) -> Seconds:
        """Seconds of audio in the queue."""
        return self._samples / RATE

    @property
    def empty(self) -> bool:
        """True if nothing is queued, samples inside the resampler included."""
        return not self._samples and self._resampler is None

    def push(self, samples: NDArray[np.int16], rate: int) -> None:
        """Add samples to the queue.

        Args:
            samples: Shape (n,) or (n, 1) for mono, (n, 2) for stereo.
            rate: Sample rate in Hz.
        """
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        samples = np.ascontiguousarray(samples.reshape(-1, channels))
        if (rate, channels) != self._shape:
            self._flush()
            self._shape = rate, channels
        if not len(samples):
            return
        if self.empty and not self._playing and self._silence < _PAUSE:
            self._margin = min(2 * self._margin, MOST_MARGIN)
            self._silence = _PAUSE
        if (rate, channels) == (RATE, self._channels):
            self._append(samples.copy())
            return
        layout = "mono" if channels == 1 else "stereo"
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        if self._resampler is None:
            ours = "mono" if self._channels == 1 else "stereo"
            self._resampler = AudioResampler("s16", ours, RATE)
        self._take(self._resampler.resample(frame))

    def pull(self, count: int) -> NDArray[np.int16]:
        """Take samples, shape (count, channels): silence before sound begins and after its end."""
        out = np.zeros((count, self._channels), np.int16)
        if not self._plays():
            self._silence += count
            self._waited += 0 if self.empty else count
            return out
        if self._samples < count:
            # The end, or a pause: while sound goes on, its samples stay in the resampler.
            self._flush()
        at = 0
        while at < count and self._blocks:
            block = self._blocks.popleft()
            part, rest = block[: count - at], block[count - at :]
            out[at : at + len(part)] = part
            at += len(part)
            if len(rest):
                self._blocks.appendleft(rest)
        self._samples -= at
        if at < count:
            self._playing = False
            self._silence = count - at
        return out

    def clear(self) -> None:
        """Drop all queued samples; what comes next begins anew."""
        self._blocks.clear()
        self._samples = 0
        self._resampler = None
        self._playing = False
        self._silence = _PAUSE
        self._waited = 0

    def _plays(self) -> bool:
        if not self._playing and not self.empty:
            self._playing = self._samples >= self._margin or self._waited >= self._margin
            self._waited = 0 if self._playing else self._waited
        return self._playing

    def _flush(self) -> None:
        resampler, self._resampler = self._resampler, None
        if resampler is not None:
            self._take(resampler.resample(None))

    def _take(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self._append(
                frame.to_ndarray().reshape(-1, self._channels).astype(np.int16, copy=False)
            )

    def _append(self, block: NDArray[np.int16]) -> None:
        self._blocks.append(block)
        self._samples += len(block)
