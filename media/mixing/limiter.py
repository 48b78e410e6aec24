"""Owns the limiter that keeps a sum of sounds within full scale without clipping it. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from media.mixing.blocks import SAMPLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from media.mixing.blocks import Block

#: What is not louder passes as it is.
CEILING = 0.9
#: Samples over which the gain moves, 2.5 ms.
_STEP = 120
#: By how much the gain rises at most in a step: 6 dB in 200 ms.
_RISE = 2 ** (1 / 80)
_AT = np.arange(SAMPLES, dtype=np.float32) / _STEP


class Limiter:
    """Turns the gain down ahead of what is too loud within a block, and slowly up again.

    What comes too suddenly, in the first 2.5 ms of a block, is bent instead (`bent`), for which
    nothing has to be held back.
    """

    def __init__(self) -> None:
        self._gain = 1.0

    def limit(self, block: Block) -> Block:
        """The block with every sample between -1 and 1."""
        peaks = np.abs(block).reshape(SAMPLES // _STEP, -1).max(axis=1)
        if self._gain >= 1.0 and peaks.max() <= CEILING:
            return block
        gains = self._gains(np.minimum(1.0, CEILING / np.maximum(peaks, 1e-9)))
        self._gain = float(gains[-1])
        curve = np.interp(_AT, np.arange(len(gains)), gains).astype(np.float32)
        return bent(block * curve[:, None])

    def _gains(self, allowed: NDArray[np.float32]) -> list[float]:
        """The gain at the beginning of each step and at the end of the last one."""
        gains = [self._gain]
        for step, here in enumerate(allowed):
            after = allowed[min(step + 1, len(allowed) - 1)]
            gains.append(float(min(here, after, gains[-1] * _RISE)))
        return gains


def bent(block: Block) -> Block:
    """What is above the ceiling comes nearer to 1 the louder it is, and never beyond."""
    loud = np.abs(block)
    if loud.max() <= CEILING:
        return block
    room = 1.0 - CEILING
    tamed = CEILING + room * np.tanh((loud - CEILING) / room)
    return np.where(loud > CEILING, np.copysign(tamed, block), block).astype(np.float32)
