"""Resampling of audio frames of any format into blocks of one format that can be summed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from av import AudioResampler

if TYPE_CHECKING:
    from av import AudioFrame
    from numpy.typing import NDArray

#: Sample rate of all blocks, in Hz (ours; that of Opus).
RATE = 48_000
#: Samples a block: 20 ms.
SAMPLES = 960

#: Samples of 20 ms: shape (960, channels), full scale is 1.0.
Block: TypeAlias = "NDArray[np.float32]"


class BlockResampler:
    """Resamples the frames of one track into blocks of 20 ms.

    The rest of a frame begins the next block. Timestamps are ignored: every sample is played. A
    frame of another rate, layout or sample format than the one before begins a new block.

    Args:
        channels: Channels of the blocks, 1 or 2.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._form: tuple[int, str, str] | None = None
        self._resampler: AudioResampler | None = None

    def cut(self, frame: AudioFrame) -> list[Block | None]:
        """Return the blocks that a frame completes; None stands for a block of silence.

        Raises:
            av.FFmpegError, ValueError: libav cannot resample the frame.
        """
        form = (frame.sample_rate, frame.layout.name, frame.format.name)
        if self._resampler is None or form != self._form:
            # libav changes the loudness by 3 dB from one channel to two: `_block` does that part.
            layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
            self._resampler = AudioResampler("flt", layout, RATE, SAMPLES)
            self._form = form
        return [self._block(cut) for cut in self._resampler.resample(frame)]

    def _block(self, frame: AudioFrame) -> Block | None:
        samples: Block = np.asarray(frame.to_ndarray(), dtype=np.float32).reshape(SAMPLES, -1)
        if not samples.any():
            return None
        if not np.isfinite(samples).all():
            samples = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
        if samples.shape[1] == self._channels:
            return samples
        if self._channels == 2:
            return samples.repeat(2, axis=1)
        return np.asarray(samples.mean(axis=1, keepdims=True), dtype=np.float32)
