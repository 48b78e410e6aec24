"""Adaptive jitter buffer for the audio blocks of one input. PURE."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from media.mixing.blocks import SAMPLES

if TYPE_CHECKING:
    from media.mixing.blocks import Block

#: Target delay at the start, in blocks of 20 ms (ours).
FIRST = 2
#: Greatest target delay, in blocks of 20 ms (ours).
MOST = 6
#: Capacity in blocks of 20 ms (ours).
LIMIT = 10
#: Reads after which the least fill level is compared with the target: one second (ours).
_WINDOW = 50
#: Windows without underrun after which the target delay falls by one block (ours).
_CALM = 10

_RISING = np.linspace(0, 1, SAMPLES, dtype=np.float32)[:, None]
_FALLING = _RISING[::-1]


class JitterQueue:
    """Evens out the arrival of audio blocks: one block is taken each 20 ms; None is silence.

    Playing begins when `FIRST` blocks have arrived. On underrun the last block fades out, and the
    target delay grows by one block; after ten seconds without underrun it falls by one. A surplus
    that lasts for a second (the sender's clock is faster) is removed by crossfading two blocks into
    one. Beyond `LIMIT` the oldest blocks are dropped.

    Attributes:
        dry: Number of underruns.
        dropped: Number of blocks that were not played.
    """

    def __init__(self) -> None:
        self.dry = 0
        self.dropped = 0
        self._blocks: deque[Block | None] = deque()
        self._wanted = FIRST
        self._playing = False
        self._last: Block | None = None
        self._takes = 0
        self._least = LIMIT
        self._calm = 0

    def __len__(self) -> int:
        return len(self._blocks)

    def put(self, block: Block | None) -> None:
        """Add a block that has arrived."""
        if len(self._blocks) >= LIMIT:
            # A burst, or no reader: old sound is of no use in a conversation.
            while len(self._blocks) >= self._wanted:
                self._blocks.popleft()
                self.dropped += 1
        self._blocks.append(block)

    def take(self) -> Block | None:
        """Take the block to play now; None is silence."""
        begins = not self._playing
        if begins and len(self._blocks) < self._wanted:
            return None
        if not self._blocks:
            return self._ran_dry()
        self._playing = True
        block = self._blocks.popleft()
        if self._too_many():
            block = _crossfaded(block, self._blocks.popleft())
            self.dropped += 1
        if begins and block is not None:
            block = block * np.minimum(1.0, _RISING * 8)
        self._last = block
        return block

    def _ran_dry(self) -> Block | None:
        self.dry += 1
        self._playing = False
        self._wanted = min(self._wanted + 1, MOST)
        self._calm = 0
        self._begin_window()
        last, self._last = self._last, None
        # Reversed, so that the waveform goes on where it ended.
        return None if last is None else last[::-1] * _FALLING**2

    def _too_many(self) -> bool:
        self._takes += 1
        self._least = min(self._least, len(self._blocks))
        if self._takes < _WINDOW:
            return False
        surplus = self._least >= self._wanted
        self._begin_window()
        self._calm += 1
        if self._calm >= _CALM:
            self._calm = 0
            self._wanted = max(FIRST, self._wanted - 1)
        return surplus

    def _begin_window(self) -> None:
        self._takes = 0
        self._least = LIMIT


def _crossfaded(first: Block | None, second: Block | None) -> Block | None:
    if first is None and second is None:
        return None
    begin = 0.0 if first is None else first * _FALLING
    end = 0.0 if second is None else second * _RISING
    return np.asarray(begin + end, dtype=np.float32)
