from __future__ import annotations

from peer.configuration import BundlePolicy
from peer.descriptions import SessionDescription
from peer.negotiation.attributes import Direction
from peer.negotiation.sdp import Sdp
from tests.support.negotiation.offer_answer import (
    add,
    add_track,
    an_offer,
    answer_of,
    answer_to,
    edited,
    exchange,
    offer_of,
    only_tagged,
    pair,
    rejected,
    set_remote,
)
from tests.support.negotiation.sessions import check_agreement, check_session


def test_attributes_of_the_transport_may_stand_on_the_tagged_section_alone() -> None:
    offer = an_offer("audio", "video", "data", policy=BundlePolicy.MAX_BUNDLE)
    answer, end = answer_to(only_tagged(offer))
    assert not any(rejected(answer))
    (transport,) = end.session.transports
    assert transport.remote_ice is not None
    assert transport.remote_ice.username_fragment == Sdp.parse(offer.sdp).media[0].ice_ufrag


def test_an_answer_may_do_the_same() -> None:
    left, right = pair()
    for kind in ("audio", "video"):
        add_track(left, kind)
    set_remote(right, offer_of(left))
    set_remote(left, only_tagged(answer_of(right)))
    check_session(left.session)
    assert len(left.session.transports) == 1
    set_remote(left, only_tagged(offer_of(right)))


def test_where_we_refuse_the_tag_the_next_speaks_for_the_group() -> None:
    offer = edited(
        an_offer("video", "audio", policy=BundlePolicy.MAX_COMPAT), ("VP8", "X1"), ("H264", "X2")
    )
    answer, end = answer_to(offer)
    assert [group.mids for group in answer.bundle_groups] == [("1",)]
    (transport,) = end.session.transports
    assert transport.association.remote is not None
    assert transport.association.remote.tls_id == Sdp.parse(offer.sdp).media[1].tls_id


def test_a_group_stays_on_its_transport_where_we_refuse_what_it_began_with() -> None:
    left, right = pair()
    state = add(left, "video", Direction.RECVONLY)
    left.change_transceiver(state.key, preferences=["video/VP8"])
    exchange(left, right)
    known = right.session.transports
    right.change_transceiver(0, preferences=["video/H264"])
    left.request_data()
    _, answer = exchange(left, right)
    assert rejected(answer) == [True, False]
    assert right.session.transports == known
    check_agreement(left, right)


def test_a_key_of_a_transport_is_not_given_twice() -> None:
    left, right = pair()
    add_track(left, "audio")
    left.request_data()
    exchange(left, right)
    left.stop_transceiver(0)
    exchange(left, right)
    assert right.session.routes == {"1": "0"}, "named for the sound that is gone"
    # A peer that names an m-section as it named another once, outside of the group.
    add(left, "video")
    offer = edited(offer_of(left), ("a=mid:2", "a=mid:0"), ("BUNDLE 1 2", "BUNDLE 1"))
    foreign = renewed(offer, index=0)
    answer, _ = answer_to(foreign, right)
    assert not answer.media[0].rejected
    keys = [transport.key for transport in right.session.transports]
    assert len(keys) == 2
    assert len(set(keys)) == 2
    assert right.session.route("0") != right.session.route("1") == "0"


def renewed(description: SessionDescription, index: int) -> SessionDescription:
    """The description with another transport below one m-section."""
    sdp = Sdp.parse(description.sdp)
    section = sdp.media[index]
    assert section.ice_ufrag is not None
    assert section.tls_id is not None
    text = str(section).replace(section.ice_ufrag, "else").replace(section.tls_id, "x" * 32)
    return SessionDescription(description.sdp.replace(str(section), text), description.type)
