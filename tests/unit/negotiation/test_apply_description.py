from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer.configuration import BundlePolicy
from peer.descriptions import SdpType, SessionDescription
from peer.errors import FingerprintError, InvalidStateError
from peer.negotiation.effects import AnnounceTrack, CloseTransport, StopTransceiver
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import Side, TransceiverOrigin
from peer.states import SignalingState
from tests.support.negotiation.offer_answer import (
    ROLLBACK,
    add,
    add_track,
    answer_of,
    candidate,
    described,
    edited,
    exchange,
    mids,
    offer_of,
    pair,
    rejected,
    set_local,
    set_remote,
    transceiver,
)
from tests.support.negotiation.sessions import check_agreement, check_session

if TYPE_CHECKING:
    from peer.negotiation.offer_answer import OfferAnswer


def talking() -> tuple[OfferAnswer, OfferAnswer]:
    """Two ends that have agreed on audio and data."""
    left, right = pair()
    add_track(left, "audio")
    left.request_data()
    exchange(left, right)
    return left, right


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("connected", [False, True])
def test_rollback_of_our_offer_leaves_the_same_session(side: Side, *, connected: bool) -> None:
    left, _ = talking() if connected else pair()
    add(left, "video")
    before = left.session
    set_local(left)
    taken_back = left.commit(left.plan(side, ROLLBACK))
    assert replace(left.session, next_mid=before.next_mid) == before
    assert left.session.state is SignalingState.STABLE
    opened = [] if connected else [CloseTransport("0")]
    assert [e for e in taken_back if isinstance(e, CloseTransport)] == opened


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("connected", [False, True])
def test_rollback_of_the_peers_offer_leaves_the_same_session(
    side: Side, *, connected: bool
) -> None:
    left, right = talking() if connected else pair()
    add(left, "video")
    add(right, "audio")
    before = right.session
    set_remote(right, offer_of(left))
    ended = right.commit(right.plan(side, ROLLBACK))
    counted = replace(right.session, next_mid=before.next_mid, made=before.made)
    assert counted == before
    assert ended[0] == StopTransceiver(before.made)


@pytest.mark.parametrize(
    ("kind", "wait_for"),
    [
        (SdpType.PRANSWER, SignalingState.HAVE_LOCAL_PRANSWER),
        (SdpType.ANSWER, SignalingState.STABLE),
    ],
)
def test_answer_cannot_be_rolled_back(kind: SdpType, wait_for: SignalingState) -> None:
    left, right = pair()
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    set_local(right, SessionDescription("", kind))
    before = right.session
    for side in Side:
        with pytest.raises(InvalidStateError, match="rollback"):
            right.plan(side, ROLLBACK)
    assert right.session is before
    assert right.session.state is wait_for


def test_changes_during_an_exchange_survive_a_rollback() -> None:
    left, _ = talking()
    state = add(left, "video")
    set_local(left)
    later = add(left, "audio")
    left.change_transceiver(state.key, direction=MediaDirection.SENDONLY, streams=["x"])
    left.change_transceiver(0, direction=MediaDirection.RECVONLY, preferences=["audio/PCMU"])
    set_local(left, ROLLBACK)
    assert transceiver(left, state.key).mid is None
    assert transceiver(left, state.key).direction is MediaDirection.SENDONLY
    assert transceiver(left, state.key).streams == ("x",)
    assert transceiver(left, later.key) == later
    assert transceiver(left, 0).preferences == ("audio/PCMU",)
    assert transceiver(left, 0).current_direction is MediaDirection.SENDONLY
    check_session(left.session)


def test_data_requested_during_an_exchange_survives_a_rollback() -> None:
    left, right = pair()
    add_track(left, "audio")
    set_local(left)
    left.request_data()
    set_local(left, ROLLBACK)
    exchange(left, right)
    assert left.session.data is not None
    check_agreement(left, right)


def test_offered_data_survives_a_rollback() -> None:
    left, right = pair()
    left.request_data()
    set_local(left)
    set_local(left, ROLLBACK)
    assert left.negotiation_needed
    exchange(left, right)
    check_agreement(left, right)


def test_data_of_the_peer_goes_with_its_rolled_back_offer() -> None:
    left, right = pair()
    left.request_data()
    set_remote(right, offer_of(left))
    assert right.session.data is not None
    set_remote(right, ROLLBACK)
    assert right.session.data is None


class TestStoppedTransceivers:
    """What was stopped stays stopped, whatever is taken back."""

    def test_stopped_transceiver_offered_first_ends_with_a_rollback(self) -> None:
        left, _ = pair()
        state = add(left, "audio")
        set_local(left)
        left.stop_transceiver(state.key)
        set_local(left, ROLLBACK)
        assert left.session.transceivers == ()

    def test_stopped_transceiver_agreed_before_is_rejected_by_the_next_offer(self) -> None:
        left, right = talking()
        set_local(left)
        left.stop_transceiver(0)
        set_local(left, ROLLBACK)
        assert transceiver(left, 0).stopping
        assert left.negotiation_needed
        exchange(left, right)
        assert left.session.transceivers == ()
        check_agreement(left, right)

    def test_stopped_transceiver_never_offered_does_not_come_back(self) -> None:
        left, right = pair()
        add_track(left, "video")
        state = add(right, "audio")
        set_remote(right, offer_of(left))
        right.stop_transceiver(state.key)
        set_remote(right, ROLLBACK)
        assert right.session.transceivers == ()
        assert not right.negotiation_needed

    def test_a_track_that_the_peers_offer_took_ends(self) -> None:
        left, right = pair()
        add_track(left, "audio")
        state = add_track(right, "audio")
        set_remote(right, offer_of(left))
        right.stop_transceiver(state.key)
        set_remote(right, ROLLBACK)
        assert right.session.transceivers == ()


def test_track_added_to_a_transceiver_of_the_peers_offer_survives_its_rollback() -> None:
    left, right = pair()
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    (made,) = right.session.transceivers
    right.change_transceiver(made.key, direction=MediaDirection.SENDRECV, has_track=True)
    set_remote(right, ROLLBACK)
    (kept,) = right.session.transceivers
    assert (kept.key, kept.mid, kept.origin) == (made.key, None, TransceiverOrigin.ADD_TRACK)
    assert not kept.receiving
    assert kept.remote_streams == ()
    assert right.negotiation_needed
    exchange(right, left)
    assert left.session.transceivers[0].mid == transceiver(right, made.key).mid


def test_transceiver_of_add_transceiver_keeps_its_origin_after_a_rollback() -> None:
    left, _ = pair()
    state = add(left, "audio")
    left.change_transceiver(state.key, has_track=True)
    set_local(left)
    set_local(left, ROLLBACK)
    assert transceiver(left, state.key).origin is TransceiverOrigin.ADD_TRANSCEIVER


def test_keys_and_mids_are_not_reused_after_a_rollback() -> None:
    left, right = pair()
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    (made,) = right.session.transceivers
    set_remote(right, ROLLBACK)
    following = add(right, "audio")
    assert following.key != made.key
    set_local(right)
    assert transceiver(right, following.key).mid == "1"


def test_candidate_added_during_an_exchange_survives_a_rollback() -> None:
    left, right = talking()
    set_local(left)
    left.add_candidate(candidate(right, "0"))
    set_local(left, ROLLBACK)
    remote = left.session.current_remote
    assert remote is not None
    assert len(remote.sdp.media[0].candidates) == 1


def test_candidate_of_an_offer_without_restart_survives_its_rollback() -> None:
    left, right = talking()
    add_track(left, "video")
    set_remote(right, offer_of(left))
    right.add_candidate(candidate(left, "0"))
    set_remote(right, ROLLBACK)
    remote = right.session.current_remote
    assert remote is not None
    assert len(remote.sdp.media[0].candidates) == 1


def test_rollback_of_an_offer_that_stops_sending_restores_the_track() -> None:
    left, right = talking()
    left.change_transceiver(0, direction=MediaDirection.RECVONLY)
    set_remote(right, offer_of(left))
    assert [t.receiving for t in right.session.transceivers] == [False]
    effects = set_remote(right, ROLLBACK)
    assert [t.receiving for t in right.session.transceivers] == [True]
    assert AnnounceTrack(0, ("stream",)) in effects


def test_offer_after_a_rollback_has_a_later_version() -> None:
    left, _ = pair()
    add_track(left, "audio")
    first = Sdp.parse(offer_of(left).sdp).session.origin
    set_local(left, ROLLBACK)
    second = Sdp.parse(offer_of(left).sdp).session.origin
    assert second.session_id == first.session_id
    assert second.session_version > first.session_version


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


def test_refused_offer_does_not_roll_back_ours() -> None:
    left, right = crossing()
    before = right.session
    with pytest.raises(FingerprintError):
        right.plan(Side.REMOTE, edited(described(left, Side.LOCAL), ("sha-256 ", "sha-1 ")))
    assert right.session is before
    assert right.session.state is SignalingState.HAVE_LOCAL_OFFER


def test_mids_of_crossing_offers_do_not_collide() -> None:
    left, right = crossing()
    set_remote(right, described(left, Side.LOCAL))
    set_remote(left, answer_of(right))
    later, _ = exchange(right, left)
    assert mids(later) == ["0", "2"], "1 was ours when the offers crossed"


def test_answer_to_an_implicitly_rolled_back_offer_is_refused() -> None:
    left, right = crossing()
    set_remote(right, described(left, Side.LOCAL))
    with pytest.raises(InvalidStateError, match="remote answer"):
        right.plan(Side.REMOTE, SessionDescription("v=0", SdpType.ANSWER))


def test_glare_in_a_running_session_leaves_what_was_agreed() -> None:
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


def test_provisional_answers_may_follow_each_other_and_the_last_counts() -> None:
    left, right = pair()
    add_track(left, "video")
    state = add_track(right, "video")
    set_remote(right, offer_of(left))
    for direction in (MediaDirection.INACTIVE, MediaDirection.RECVONLY):
        right.change_transceiver(state.key, direction=direction)
        set_local(right, SessionDescription("", SdpType.PRANSWER))
        set_remote(left, described(right, Side.LOCAL))
        assert right.session.state is SignalingState.HAVE_LOCAL_PRANSWER
        assert left.session.state is SignalingState.HAVE_REMOTE_PRANSWER
        assert transceiver(right, state.key).current_direction is direction
        assert left.session.transceivers[0].current_direction is direction.reversed
        assert left.session.transports[0].agreed
        check_session(left.session)
        check_session(right.session)
    right.change_transceiver(state.key, direction=MediaDirection.SENDRECV)
    set_remote(left, answer_of(right))
    check_agreement(left, right)


def test_section_rejected_by_a_provisional_answer_may_be_accepted_by_the_final_one() -> None:
    left, right = pair()
    added = add_track(left, "video")
    left.change_transceiver(added.key, preferences=["video/VP8"])
    left.request_data()
    set_remote(right, offer_of(left))
    (state,) = right.session.transceivers
    right.change_transceiver(state.key, preferences=["video/H264"])
    set_local(right, SessionDescription("", SdpType.PRANSWER))
    assert rejected(Sdp.parse(described(right, Side.LOCAL).sdp)) == [True, False]
    set_remote(left, described(right, Side.LOCAL))
    (connected,) = (t for t in left.session.transports if t.agreed)
    right.change_transceiver(state.key, preferences=())
    set_remote(left, answer_of(right))
    assert left.session.transports == (connected,), "what is connected stays"
    check_agreement(left, right)


def test_provisional_answer_may_be_repeated_as_the_final_one() -> None:
    left, right = pair()
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    created = right.create_answer()
    set_local(right, SessionDescription(created.sdp, SdpType.PRANSWER))
    set_local(right, created)
    assert right.session.state is SignalingState.STABLE
