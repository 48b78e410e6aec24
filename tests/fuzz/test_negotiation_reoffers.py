"""A peer that offers again and again, each time a little otherwise.

`REOFFER_SEQUENCES=50000 pytest tests/fuzz/test_negotiation_reoffers.py` runs longer. A failure
names its seed: `Reoffers(SEED).run(STEPS)` is that sequence.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.support.negotiation.reoffers import Reoffers

SEQUENCES = int(os.environ.get("REOFFER_SEQUENCES", "500"))
#: What happens in each: an offer, an answer to ours, a wish, a candidate.
STEPS = 2
PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_every_changed_re_offer_is_taken_whole_or_refused_without_a_trace(part: int) -> None:
    came: Counter[str] = Counter()
    for seed in range(part, SEQUENCES, PARTS):
        sequence = Reoffers(seed)
        sequence.run(STEPS)
        came += sequence.counts
    # Neither all was refused, nor all harmless.
    assert min(came["offer accepted"], came["answer accepted"]) > 0
    assert min(came["DescriptionError"], came["ModificationError"], came["FingerprintError"]) > 0
