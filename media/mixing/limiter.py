"""Limiter that keeps a sum of audio blocks within full scale without clipping. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from media.mixing.blocks import SAMPLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from media.mixing.blocks import Block

#: Threshold of the limiter, of full scale 1.0; quieter blocks pass unchanged (ours).
CEILING = 0.9
#: Samples over which the gain moves: 2.5 ms (ours).
_STEP = 120
#: Factor by which the gain rises at most in a step: 6 dB in 200 ms (ours).
_RISE = 2 ** (1 / 80)
_AT = np.arange(SAMPLES, dtype=np.float32) / _STEP


class Limiter:
    """Lowers the gain ahead of peaks within a block, and raises it slowly again.

    A peak in the first 2.5 ms of a block comes too suddenly for that and is soft-clipped
    (`soft_clipped`); so no sound has to be delayed.
    """

    def __init__(self) -> None:
        self._gain = 1.0

    def limit(self, block: Block) -> Block:
        """Return the block with every sample between -1.0 and 1.0."""
        peaks = np.abs(block).reshape(SAMPLES // _STEP, -1).max(axis=1)
        if self._gain >= 1.0 and peaks.max() <= CEILING:
            return block
        gains = self._gains(np.minimum(1.0, CEILING / np.maximum(peaks, 1e-9)))
        self._gain = float(gains[-1])
        curve = np.interp(_AT, np.arange(len(gains)), gains).astype(np.float32)
        return soft_clipped(block * curve[:, None])

    def _gains(self, allowed: NDArray[np.float32]) -> list[float]:
        """Return the gain at the beginning of each step and at the end of the last one."""
        gains = [self._gain]
        for step, here in enumerate(allowed):
            after = allowed[min(step + 1, len(allowed) - 1)]
            gains.append(float(min(here, after, gains[-1] * _RISE)))
        return gains


def soft_clipped(block: Block) -> Block:
    """Compress samples above the ceiling by tanh: they approach 1.0 and never exceed it."""
    loud = np.abs(block)
    if loud.max() <= CEILING:
        return block
    room = 1.0 - CEILING
    tamed = CEILING + room * np.tanh((loud - CEILING) / room)
    return np.where(loud > CEILING, np.copysign(tamed, block), block).astype(np.float32)
