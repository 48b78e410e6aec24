"""Tests of the signalling state machine, an arrow of RFC 9429 section 3.2 in each row."""

from __future__ import annotations

from itertools import product

import pytest

from peer.descriptions import SdpType
from peer.errors import InvalidStateError
from peer.negotiation.signaling_state import Side, needs_implicit_rollback, transition
from peer.states import SignalingState

ARROWS = """
stable               --local offer-->      have-local-offer
stable               --remote offer-->     have-remote-offer
have-local-offer     --local offer-->      have-local-offer
have-local-offer     --local rollback-->   stable
have-local-offer     --remote rollback-->  stable
have-local-offer     --remote answer-->    stable
have-local-offer     --remote pranswer-->  have-remote-pranswer
have-remote-pranswer --remote pranswer-->  have-remote-pranswer
have-remote-pranswer --remote answer-->    stable
have-remote-offer    --remote offer-->     have-remote-offer
have-remote-offer    --remote rollback-->  stable
have-remote-offer    --local rollback-->   stable
have-remote-offer    --local answer-->     stable
have-remote-offer    --local pranswer-->   have-local-pranswer
have-local-pranswer  --local pranswer-->   have-local-pranswer
have-local-pranswer  --local answer-->     stable
"""

Key = tuple[SignalingState, Side, SdpType]


def _read(arrow: str) -> tuple[Key, SignalingState]:
    state, side, kind, target = arrow.replace("--", " ").replace(">", " ").split()
    return (SignalingState(state), Side(side), SdpType(kind)), SignalingState(target)


ROWS = [(" ".join(line.split()), *_read(line)) for line in ARROWS.strip().splitlines()]
REFUSED = sorted(set(product(SignalingState, Side, SdpType)) - {key for _, key, _ in ROWS}, key=str)


@pytest.mark.parametrize(("key", "target"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_transition_leads_to_its_state(key: Key, target: SignalingState) -> None:
    assert transition(*key) is target


@pytest.mark.parametrize("key", REFUSED, ids=lambda k: f"{k[0]} --{k[1].value} {k[2]}--> refused")
def test_transition_not_in_the_table_is_refused_by_name(key: Key) -> None:
    state, side, kind = key
    with pytest.raises(InvalidStateError, match=f"a {side.value} {kind} .* '{state}'"):
        transition(state, side, kind)


def test_every_combination_was_asked() -> None:
    assert len(ROWS) + len(REFUSED) == len(SignalingState) * len(Side) * len(SdpType)


@pytest.mark.parametrize("key", sorted(product(SignalingState, Side, SdpType), key=str), ids=str)
def test_only_a_remote_offer_that_meets_ours_rolls_back(key: Key) -> None:
    glare = (SignalingState.HAVE_LOCAL_OFFER, Side.REMOTE, SdpType.OFFER)
    assert needs_implicit_rollback(*key) is (key == glare)
