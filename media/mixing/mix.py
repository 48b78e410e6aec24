"""Sum of the audio blocks of all inputs at one moment, with or without some of them. PURE."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from media.mixing.blocks import Block


@dataclass(frozen=True)  # without slots, for the sum that is kept
class Mix:
    """Blocks of 20 ms of all inputs, which are summed on demand.

    Args:
        number: Number of the block since the start of the mixer.
        blocks: The block of each input that is not silent, by the `id` of its track.
    """

    number: int
    blocks: Mapping[int, Block]

    @cached_property
    def total(self) -> Block | None:
        """The sum of all inputs; None is silence."""
        return _sum(list(self.blocks.values()))

    def without(self, left_out: Collection[int]) -> Block | None:
        """Return the sum of all inputs but these; None is silence."""
        heard = self.blocks.keys() - set(left_out)
        if len(heard) == len(self.blocks):
            return self.total
        total = self.total
        if not heard or total is None:
            return None
        if len(heard) == 1:
            return self.blocks[heard.pop()]
        return np.asarray(
            total - sum(self.blocks[key] for key in self.blocks.keys() - heard), dtype=np.float32
        )


def _sum(blocks: list[Block]) -> Block | None:
    if len(blocks) < 2:
        return blocks[0] if blocks else None
    total = blocks[0].copy()
    for block in blocks[1:]:
        total += block
    return total
