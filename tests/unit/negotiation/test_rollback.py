from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer.descriptions import SdpType, SessionDescription
from peer.errors import InvalidStateError
from peer.negotiation.effects import AnnounceTrack, CloseTransport, StopTransceiver
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import TransceiverOrigin
from peer.negotiation.signaling_state import Side
from peer.states import SignalingState
from tests.support.negotiation.offer_answer import (
    ROLLBACK,
    add,
    add_track,
    candidate,
    exchange,
    offer_of,
    pair,
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
def test_an_answer_is_not_taken_back(kind: SdpType, wait_for: SignalingState) -> None:
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


def test_data_of_the_peer_goes_with_its_offer() -> None:
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


def test_a_track_added_to_what_the_peer_offered_outlives_the_offer() -> None:
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


def test_a_transceiver_made_on_purpose_stays_one_whatever_is_added_to_it() -> None:
    left, _ = pair()
    state = add(left, "audio")
    left.change_transceiver(state.key, has_track=True)
    set_local(left)
    set_local(left, ROLLBACK)
    assert transceiver(left, state.key).origin is TransceiverOrigin.ADD_TRANSCEIVER


def test_keys_and_mids_are_not_given_out_again() -> None:
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


def test_a_candidate_of_an_offer_that_keeps_ice_stays_when_the_offer_goes() -> None:
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


def test_an_offer_after_a_rollback_says_a_later_version() -> None:
    left, _ = pair()
    add_track(left, "audio")
    first = Sdp.parse(offer_of(left).sdp).session.origin
    set_local(left, ROLLBACK)
    second = Sdp.parse(offer_of(left).sdp).session.origin
    assert second.session_id == first.session_id
    assert second.session_version > first.session_version
