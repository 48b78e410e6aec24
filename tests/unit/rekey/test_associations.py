"""The associations that a rekey waits for are read from the effects of a description."""

from __future__ import annotations

import pytest

from peer.rekey.associations import AgreedAssociations, agreed_associations
from tests.support.negotiation.modification import NEW, connected
from tests.support.negotiation.offer_answer import (
    add_track,
    answer_of,
    offer_of,
    pair,
    set_local,
    set_remote,
)


def test_answer_to_our_rekey_offer_adds_association_offered_by_us() -> None:
    left, right = connected()
    left.request_rekey(NEW)
    offer = offer_of(left)
    set_local(left)
    set_remote(right, offer)
    answer = answer_of(right)
    before = left.session
    agreed = agreed_associations(before, set_remote(left, answer))
    assert agreed == AgreedAssociations(associations={"0": 1}, offered_by_us=True)


def test_our_answer_to_rekey_offer_of_peer_adds_association_not_offered_by_us() -> None:
    left, right = connected()
    left.request_rekey(NEW)
    set_remote(right, offer_of(left))
    before = right.session
    agreed = agreed_associations(before, set_local(right))
    assert agreed == AgreedAssociations(associations={"0": 1}, offered_by_us=False)


@pytest.mark.parametrize("rekeyed", [True, False])
def test_first_association_of_a_connection_is_no_rekey(rekeyed: bool) -> None:
    left, right = pair()
    add_track(left, "audio")
    if rekeyed:
        left.request_rekey(NEW)
    offer = offer_of(left)
    set_local(left)
    set_remote(right, offer)
    answer = answer_of(right)
    before = left.session
    assert not agreed_associations(before, set_remote(left, answer)).associations
