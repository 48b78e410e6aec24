from __future__ import annotations

from peer.descriptions import SdpType, SessionDescription
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.signaling_state import Side
from peer.states import SignalingState
from tests.support.negotiation.offer_answer import (
    add_track,
    answer_of,
    described,
    offer_of,
    pair,
    rejected,
    set_local,
    set_remote,
    transceiver,
)
from tests.support.negotiation.sessions import check_agreement, check_session


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


def test_a_provisional_answer_may_be_given_for_good() -> None:
    left, right = pair()
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    created = right.create_answer()
    set_local(right, SessionDescription(created.sdp, SdpType.PRANSWER))
    set_local(right, created)
    assert right.session.state is SignalingState.STABLE
