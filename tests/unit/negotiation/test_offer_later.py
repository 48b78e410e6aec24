from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer.configuration import BundlePolicy
from peer.descriptions import SdpType, SessionDescription
from peer.negotiation.attributes import Direction
from peer.negotiation.sdp import Sdp
from tests.support.negotiation.offer_answer import (
    add,
    add_track,
    edited,
    exchange,
    kinds,
    mids,
    offer_of,
    pair,
    profile,
    set_local,
    set_remote,
)
from tests.support.negotiation.sessions import check_agreement

if TYPE_CHECKING:
    from peer.negotiation.offer_answer import OfferAnswer


def offer(end: OfferAnswer) -> Sdp:
    """What it would offer, read again."""
    return Sdp.parse(end.create_offer().sdp)


@pytest.fixture
def ends() -> tuple[OfferAnswer, OfferAnswer]:
    """Two that share sound, picture and data."""
    left, right = pair()
    for kind in ("audio", "video"):
        add_track(left, kind)
    left.request_data()
    exchange(left, right)
    return left, right


def test_what_is_agreed_stays_in_its_place(ends: tuple[OfferAnswer, OfferAnswer]) -> None:
    left, right = ends
    for one in (left, right):
        sdp = offer(one)
        assert mids(sdp) == ["0", "1", "2"]
        assert [group.mids for group in sdp.bundle_groups] == [("0", "1", "2")]
        assert not any(section.bundle_only for section in sdp.media)


def test_new_sections_follow_and_share_the_transport(ends: tuple[OfferAnswer, OfferAnswer]) -> None:
    left, right = ends
    add_track(right, "audio")
    add_track(right, "video")
    later, _ = exchange(right, left)
    assert mids(later) == ["0", "1", "2", "3", "4"]
    assert [group.mids for group in later.bundle_groups] == [("0", "1", "2", "3", "4")]
    assert len(left.session.transports) == len(right.session.transports) == 1
    check_agreement(left, right)


def test_a_stopped_one_is_rejected_in_its_place_and_leaves_the_group(
    ends: tuple[OfferAnswer, OfferAnswer],
) -> None:
    left, right = ends
    left.stop_transceiver(0)
    later, answer = exchange(left, right)
    assert later.media[0].rejected
    assert answer.media[0].rejected
    assert [group.mids for group in later.bundle_groups] == [("1", "2")]
    assert left.session.route("1") == "0", "the transport stays where its first section goes"
    check_agreement(left, right)


def test_a_dead_place_is_used_again_under_a_new_mid(ends: tuple[OfferAnswer, OfferAnswer]) -> None:
    left, right = ends
    left.stop_transceiver(0)
    exchange(left, right)
    add(right, "video", Direction.RECVONLY)
    later, _ = exchange(right, left)
    assert kinds(later) == ["video", "video", "application"]
    assert mids(later) == ["3", "1", "2"]
    check_agreement(left, right)


def test_data_may_take_a_dead_place() -> None:
    left, right = pair()
    state = add_track(left, "audio")
    add_track(left, "video")
    exchange(left, right)
    left.stop_transceiver(state.key)
    exchange(left, right)
    left.request_data()
    later, _ = exchange(left, right)
    assert kinds(later) == ["application", "video"]
    check_agreement(left, right)


def test_a_place_is_not_used_again_before_the_answer(ends: tuple[OfferAnswer, OfferAnswer]) -> None:
    left, _ = ends
    left.stop_transceiver(0)
    set_local(left)
    add(left, "video", Direction.SENDONLY)
    assert mids(offer(left)) == ["0", "1", "2", "3"]


def test_when_all_has_gone_the_next_starts_anew(ends: tuple[OfferAnswer, OfferAnswer]) -> None:
    left, right = ends
    for key in (0, 1):
        left.stop_transceiver(key)
    exchange(left, right)
    assert left.session.transports[0].key == "0"
    add(left, "audio")
    later, _ = exchange(left, right)
    assert [s.rejected for s in later.media] == [False, True, False]
    check_agreement(left, right)


def test_an_offer_that_replaces_another_keeps_its_mids_and_transports() -> None:
    left, right = pair()
    add_track(left, "audio")
    first = Sdp.parse(offer_of(left).sdp)
    opened = left.session.transports
    add_track(left, "video")
    exchange(left, right)
    second = left.session.current_local
    assert second is not None
    assert mids(second.sdp) == ["0", "1"]
    assert second.sdp.media[0].ice_ufrag == first.media[0].ice_ufrag
    assert left.session.transports[0].local == opened[0].local
    check_agreement(left, right)


def test_mids_of_the_peer_are_never_given_to_others() -> None:
    left, right = pair()
    add_track(left, "audio")
    foreign = edited(offer_of(left), ("a=mid:0", "a=mid:7"), ("BUNDLE 0", "BUNDLE 7"))
    set_remote(right, foreign)
    set_local(right)
    add(right, "video")
    assert mids(offer(right)) == ["7", "8"]


def test_a_long_number_of_the_peer_does_not_make_ours_long() -> None:
    left, right = pair()
    add_track(left, "audio")
    long = "9" * 200
    foreign = edited(offer_of(left), ("a=mid:0", f"a=mid:{long}"), ("BUNDLE 0", f"BUNDLE {long}"))
    set_remote(right, foreign)
    set_local(right)
    add(right, "video")
    assert mids(offer(right)) == [long, "0"]


def test_a_number_on_the_edge_of_that_is_passed_over() -> None:
    left, right = pair()
    add_track(left, "audio")
    add_track(left, "video")
    edits = [("a=mid:0", "a=mid:999999999"), ("a=mid:1", "a=mid:1000000000")]
    foreign = edited(offer_of(left), *edits, ("BUNDLE 0 1", "BUNDLE 999999999 1000000000"))
    set_remote(right, foreign)
    set_local(right)
    right.request_data()
    assert mids(offer(right)) == ["999999999", "1000000000", "1000000001"]


def without_bundle(left: OfferAnswer, right: OfferAnswer) -> None:
    """An exchange with a peer that does not know BUNDLE."""
    set_remote(right, edited(offer_of(left), ("a=group:BUNDLE 0 1\r\n", "")))
    set_local(right)
    answer = right.session.current_local
    assert answer is not None
    assert answer.sdp.bundle_groups == ()
    set_remote(left, edited_answer(right))


def edited_answer(end: OfferAnswer) -> SessionDescription:
    local = end.session.current_local
    assert local is not None
    return SessionDescription(str(local.sdp), SdpType.ANSWER)


def test_without_bundle_each_section_keeps_its_transport() -> None:
    left, right = pair()
    add_track(left, "audio")
    add_track(left, "video")
    without_bundle(left, right)
    assert left.session.routes == {"0": "0", "1": "1"}
    later = offer(left)
    assert later.bundle_groups == ()
    assert {s.ice_ufrag for s in later.media} == {
        t.local.username_fragment for t in left.session.transports
    }


def test_what_is_new_then_gets_one_of_its_own_whatever_the_policy() -> None:
    left, right = pair(bundle_policy=BundlePolicy.MAX_COMPAT)
    add_track(left, "audio")
    add_track(left, "video")
    without_bundle(left, right)
    left.profile = profile(1, bundle_policy=BundlePolicy.MAX_BUNDLE)
    add_track(left, "audio")
    later, answer = exchange(left, right)
    assert not any(section.bundle_only for section in later.media)
    assert [group.mids for group in answer.bundle_groups] == [("2",)]
    assert len(left.session.transports) == 3
    check_agreement(left, right)


def test_two_groups_of_the_peer_stay_two() -> None:
    left, right = pair(bundle_policy=BundlePolicy.MAX_COMPAT)
    for kind in ("audio", "video", "audio", "video"):
        add_track(left, kind)
    group = "a=group:BUNDLE 0 1 2 3\r\n"
    set_remote(
        right, edited(offer_of(left), (group, "a=group:BUNDLE 0 2\r\na=group:BUNDLE 1 3\r\n"))
    )
    set_local(right)
    answer = right.session.current_local
    assert answer is not None
    assert [g.mids for g in answer.sdp.bundle_groups] == [("0", "2"), ("1", "3")]
    assert len(right.session.transports) == 2
    right.request_data()
    later = offer(right)
    assert [g.mids for g in later.bundle_groups] == [("0", "2", "4"), ("1", "3")]
