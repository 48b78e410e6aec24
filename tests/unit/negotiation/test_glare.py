from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer.configuration import BundlePolicy
from peer.descriptions import SdpType, SessionDescription
from peer.errors import FingerprintError, InvalidStateError
from peer.negotiation.effects import CloseTransport
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.signaling_state import Side
from peer.states import SignalingState
from tests.support.negotiation.offer_answer import (
    add_track,
    answer_of,
    described,
    exchange,
    mids,
    offer_of,
    pair,
    set_local,
    set_remote,
    transceiver,
    without,
)
from tests.support.negotiation.sessions import check_agreement

if TYPE_CHECKING:
    from peer.negotiation.offer_answer import OfferAnswer


def crossing(policy: BundlePolicy = BundlePolicy.BALANCED) -> tuple[OfferAnswer, OfferAnswer]:
    """Two that have offered at the same time, the second of them polite."""
    left, right = pair(bundle_policy=policy)
    add_track(left, "audio")
    add_track(right, "audio")
    add_track(right, "video")
    set_local(left)
    set_local(right)
    return left, right


@pytest.mark.parametrize("policy", BundlePolicy)
def test_polite_end_rolls_back_and_changes_of_both_ends_are_negotiated(
    policy: BundlePolicy,
) -> None:
    left, right = crossing(policy)
    set_remote(right, described(left, Side.LOCAL))
    assert right.session.state is SignalingState.HAVE_REMOTE_OFFER
    set_remote(left, answer_of(right))
    assert right.negotiation_needed
    exchange(right, left)
    assert [t.kind for t in left.session.transceivers] == ["audio", "video"]
    check_agreement(left, right)


def test_pending_track_takes_the_section_that_the_peer_offers() -> None:
    left, right = crossing()
    mine = right.session.transceivers[0]
    set_remote(right, described(left, Side.LOCAL))
    taken = transceiver(right, mine.key)
    assert taken.mid == "0"
    assert taken.direction is MediaDirection.SENDRECV
    assert taken.receiving


def test_implicit_rollback_drops_our_transports_and_keeps_our_changes() -> None:
    left, right = crossing()
    keys = {transport.key for transport in right.session.transports}
    effects = set_remote(right, described(left, Side.LOCAL))
    assert {e.key for e in effects if isinstance(e, CloseTransport)} == keys
    assert right.session.transports == ()
    assert len(right.session.transceivers) == 2


def test_an_offer_that_is_refused_does_not_take_ours_back() -> None:
    left, right = crossing()
    before = right.session
    with pytest.raises(FingerprintError):
        right.plan(Side.REMOTE, without(described(left, Side.LOCAL), "fingerprint"))
    assert right.session is before
    assert right.session.state is SignalingState.HAVE_LOCAL_OFFER


def test_mids_that_cross_do_not_collide() -> None:
    left, right = crossing()
    set_remote(right, described(left, Side.LOCAL))
    set_remote(left, answer_of(right))
    later, _ = exchange(right, left)
    assert mids(later) == ["0", "2"], "1 was ours when the offers crossed"


def test_an_answer_meets_no_offer_after_we_gave_way() -> None:
    left, right = crossing()
    set_remote(right, described(left, Side.LOCAL))
    with pytest.raises(InvalidStateError, match="remote answer"):
        right.plan(Side.REMOTE, SessionDescription("v=0", SdpType.ANSWER))


def test_glare_in_the_middle_of_a_session_leaves_what_was_agreed() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    transports = right.session.transports
    add_track(left, "video")
    right.request_data()
    set_local(right)
    set_remote(right, offer_of(left))
    assert right.session.transports == transports
    set_remote(left, answer_of(right))
    exchange(right, left)
    check_agreement(left, right)


@pytest.mark.parametrize("state", [SdpType.PRANSWER, SdpType.OFFER])
def test_no_offer_interrupts_an_exchange_that_is_being_answered(state: SdpType) -> None:
    left, right = pair()
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    if state is SdpType.PRANSWER:
        set_local(right, SessionDescription("", state))
        set_remote(left, described(right, Side.LOCAL))
        for end in (left, right):
            with pytest.raises(InvalidStateError, match="remote offer"):
                end.plan(Side.REMOTE, described(left, Side.LOCAL))
    with pytest.raises(InvalidStateError, match="local offer"):
        right.plan(Side.LOCAL, SessionDescription("", SdpType.OFFER))
