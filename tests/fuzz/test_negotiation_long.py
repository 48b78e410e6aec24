"""Long calls of two ends of ours, which agree after each exchange, whatever was wished before it.

`LONG_CALLS=1000 pytest tests/fuzz/test_negotiation_long.py` runs longer. A failure names its seed.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from peer.configuration import AnswerRole, BundlePolicy
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.session import TransceiverOrigin
from peer.rtp_parameters import MediaKind
from tests.support.negotiation.calls import Call, End
from tests.support.negotiation.happenings import (
    NAMES,
    Add,
    Candidate,
    Change,
    Data,
    Rekey,
    Restart,
    Step,
)
from tests.support.negotiation.offer_answer import profile

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = int(os.environ.get("LONG_CALLS", "4"))
#: Exchanges of each call, and most steps between two of them.
EXCHANGES = 30
STEPS = 8
#: Transceivers from which on more are stopped than are added.
MANY = 5


def wish(rng: random.Random, end: End) -> Callable[[End], None]:
    """Choose what the application of an end wants."""
    direction = rng.choice(tuple(MediaDirection))
    if len(end.offer_answer.session.transceivers) > MANY:
        return Change("stop", rng.randrange(9), direction, 0)
    return rng.choice(
        (
            Add(rng.choice(tuple(MediaKind)), direction, rng.choice(tuple(TransceiverOrigin)[:2])),
            Change("direction", rng.randrange(9), direction, 0),
            Change(
                rng.choice(("direction", "streams", "codecs", "stop")),
                rng.randrange(9),
                direction,
                rng.randrange(4),
            ),
            Data(),
            Rekey(rng.choice((None, 0, 1, 2))),
            Restart(),
            Candidate(rng.randrange(6)),
        )
    )


@pytest.mark.parametrize("seed", range(CALLS))
def test_two_ends_agree_after_each_of_many_exchanges(seed: int) -> None:
    rng = random.Random(seed)
    left, right = (
        End(
            OfferAnswer(
                profile(
                    2 * seed + polite,
                    bundle_policy=rng.choice(tuple(BundlePolicy)),
                    answer_role=rng.choice(tuple(AnswerRole)),
                )
            ),
            polite=bool(polite),
        )
        for polite in (0, 1)
    )
    call = Call(left, right)
    mids: list[str | None] = []
    for _ in range(EXCHANGES):
        for _ in range(rng.randrange(STEPS)):
            polite = rng.random() < 0.5
            Step(rng.choice(NAMES), polite, wish(rng, right if polite else left)).run(call)
        call.run_until_stable()
        layout = left.offer_answer.session.layout
        # An m-section stands where it stood, or its place was recycled (RFC 9429 section 5.2.2).
        assert len(layout) >= len(mids)
        named = [section.mid for section in layout if not section.rejected]
        assert len(set(named)) == len(named)
        mids = [section.mid for section in layout]
