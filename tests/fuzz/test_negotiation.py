"""Random calls of two ends: whatever they do and when, they end stable and of one mind.

`NEGOTIATION_EXAMPLES=20000 pytest tests/fuzz/test_negotiation.py` runs longer.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

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

EXAMPLES = int(os.environ.get("NEGOTIATION_EXAMPLES", "150"))

CHANGES: st.SearchStrategy[Callable[[End], None]] = st.one_of(
    st.builds(Add, st.sampled_from(MediaKind), st.sampled_from(MediaDirection)),
    st.builds(
        Add,
        st.sampled_from(MediaKind),
        st.just(MediaDirection.SENDRECV),
        st.just(TransceiverOrigin.ADD_TRACK),
    ),
    st.builds(
        Change,
        st.sampled_from(["direction", "streams", "codecs", "stop"]),
        st.integers(0, 5),
        st.sampled_from(MediaDirection),
        st.integers(0, 3),
    ),
    st.just(Data()),
    st.builds(Rekey, st.none() | st.integers(0, 3)),
    st.just(Restart()),
)


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    length = draw(st.integers(0, 60))
    step = st.builds(
        Step,
        st.sampled_from(NAMES),
        st.booleans(),
        CHANGES | st.builds(Candidate, st.integers(0, 5)),
    )
    return draw(st.lists(step, min_size=length, max_size=length))


PROFILES = st.tuples(st.sampled_from(BundlePolicy), st.sampled_from(AnswerRole))


def offer_answer(seed: int, choices: tuple[BundlePolicy, AnswerRole]) -> OfferAnswer:
    bundle_policy, answer_role = choices
    return OfferAnswer(profile(seed, bundle_policy=bundle_policy, answer_role=answer_role))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(steps(), PROFILES, PROFILES)
def test_two_ends_agree_in_the_end(
    happenings: list[Step],
    left: tuple[BundlePolicy, AnswerRole],
    right: tuple[BundlePolicy, AnswerRole],
) -> None:
    call = Call(End(offer_answer(1, left), polite=False), End(offer_answer(2, right), polite=True))
    for step in happenings:
        step.run(call)
    call.run_until_stable()
