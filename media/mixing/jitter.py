"""Owns the queue that evens out how the blocks of one input arrive. PURE."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from media.mixing.blocks import SAMPLES

if TYPE_CHECKING:
    from media.mixing.blocks import Block

#: Blocks of 20 ms that are waited for before the first is given: at first, and at most.
FIRST = 2
MOST = 6
#: Blocks that wait at most.
LIMIT = 10
#: Takes after which it is seen whether too much waits: a second.
_WINDOW = 50
#: Windows without a gap after which one block less is waited for.
_CALM = 10

_RISING = np.linspace(0, 1, SAMPLES, dtype=np.float32)[:, None]
_FALLING = _RISING[::-1]


class JitterQueue:
    """Blocks in, at whatever moments; blocks out, one each 20 ms. None is silence.

    It begins when `FIRST` blocks have come. Where it runs dry the last block fades away, and next
    time one block more is waited for; after ten seconds without that, one less. What waits beyond
    need for a second, as when the sender's clock is the faster one, is taken away by laying two
    blocks over each other. Beyond `LIMIT` the oldest go.

    Attributes:
        dry: How often there was nothing to give.
        dropped: Blocks that were not played.
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
        """A block came."""
        if len(self._blocks) >= LIMIT:
            # Nobody takes, or a burst came: what is old is no use to a conversation.
            while len(self._blocks) >= self._wanted:
                self._blocks.popleft()
                self.dropped += 1
        self._blocks.append(block)

    def take(self) -> Block | None:
        """The block that is to be heard now."""
        begins = not self._playing
        if begins and len(self._blocks) < self._wanted:
            return None
        if not self._blocks:
            return self._ran_dry()
        self._playing = True
        block = self._blocks.popleft()
        if self._too_many():
            block = _laid_over(block, self._blocks.popleft())
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
        # Backwards, so that it goes on where it ended.
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


def _laid_over(first: Block | None, second: Block | None) -> Block | None:
    if first is None and second is None:
        return None
    begin = 0.0 if first is None else first * _FALLING
    end = 0.0 if second is None else second * _RISING
    return np.asarray(begin + end, dtype=np.float32)
