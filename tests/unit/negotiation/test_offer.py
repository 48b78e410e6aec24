from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer.configuration import BundlePolicy
from peer.descriptions import SdpType, SessionDescription
from peer.errors import InvalidStateError
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection, Setup
from peer.negotiation.sdp.description import Sdp
from peer.states import IceRole
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
    from peer.negotiation.sdp.description import MediaSection


def offer(end: OfferAnswer) -> Sdp:
    """What it would offer, read again."""
    return Sdp.parse(end.create_offer().sdp)


def end(policy: BundlePolicy = BundlePolicy.BALANCED) -> OfferAnswer:
    return OfferAnswer(profile(1, bundle_policy=policy))


def end_with_media_and_data(policy: BundlePolicy) -> OfferAnswer:
    """An end with two audio transceivers, a video transceiver and data."""
    made = end(policy)
    for kind in ("audio", "video", "audio"):
        add_track(made, kind)
    made.request_data()
    return made


def test_offer_of_a_fresh_session_has_no_sections() -> None:
    sdp = offer(end())
    assert sdp.media == ()
    assert sdp.bundle_groups == ()


def test_session_section_says_nothing_of_us() -> None:
    made = end()
    origin = offer(made).session.origin
    assert (origin.username, origin.address) == ("-", "0.0.0.0")
    assert origin.session_id == made.session.id < 2**62


def test_each_created_description_has_its_own_version() -> None:
    made = end()
    versions = [offer(made).session.origin.session_version for _ in range(3)]
    assert versions == [1, 2, 3]


def test_audio_and_video_are_offered_in_the_order_added_and_data_last() -> None:
    made = end()
    made.request_data()
    add_track(made, "video")
    add_track(made, "audio")
    sdp = offer(made)
    assert kinds(sdp) == ["video", "audio", "application"]
    assert mids(sdp) == ["0", "1", "2"]


def test_an_offer_changes_nothing() -> None:
    made = end_with_media_and_data(BundlePolicy.BALANCED)
    before = made.session
    made.create_offer()
    assert made.session is before


@pytest.mark.parametrize(
    ("policy", "shared", "transports"),
    [
        (BundlePolicy.MAX_COMPAT, [], 4),
        (BundlePolicy.BALANCED, ["2"], 3),
        (BundlePolicy.MAX_BUNDLE, ["1", "2", "3"], 1),
    ],
)
def test_bundle_policy_decides_which_sections_have_transports(
    policy: BundlePolicy, shared: list[str], transports: int
) -> None:
    made = end_with_media_and_data(policy)
    set_local(made)
    sdp = made.session.layout
    assert [section.mid for section in sdp if section.bundle_only] == shared
    assert all((s.media_line.port == 0) == s.bundle_only for s in sdp)
    assert not any(section.rejected for section in sdp)
    assert len(made.session.transports) == transports
    assert {made.session.route(mid) for mid in ["0", *shared]} == {"0"}


@pytest.mark.parametrize("policy", BundlePolicy)
def test_every_policy_proposes_one_group(policy: BundlePolicy) -> None:
    (group,) = offer(end_with_media_and_data(policy)).bundle_groups
    assert group.mids == ("0", "1", "2", "3")


def test_a_group_has_one_set_of_credentials() -> None:
    made = end_with_media_and_data(BundlePolicy.MAX_COMPAT)
    sections = offer(made).media
    assert len({(section.ice_ufrag, section.ice_pwd) for section in sections}) == 1
    assert len({section.tls_id for section in sections}) == 4


@pytest.mark.conformance("5-offer")
@pytest.mark.parametrize("later", [False, True], ids=["first", "later"])
def test_every_section_of_every_offer_leaves_the_role_to_the_peer(*, later: bool) -> None:
    left, right = pair()
    for kind in ("audio", "video"):
        add_track(left, kind)
    left.request_data()
    if later:
        exchange(left, right)
        add_track(right, "audio")
    sections = offer(right if later else left).media
    assert len(sections) >= 3
    assert {section.setup for section in sections} == {Setup.ACTPASS}


@pytest.mark.conformance("5-fingerprint")
def test_every_section_shows_our_one_certificate() -> None:
    made = end_with_media_and_data(BundlePolicy.BALANCED)
    assert {section.fingerprints for section in offer(made).media} == {made.profile.fingerprints}
    assert made.profile.fingerprints[0].algorithm == "sha-256"


@pytest.mark.conformance("5-no-connection")
def test_the_connection_attribute_is_never_written() -> None:
    sdp = offer(end_with_media_and_data(BundlePolicy.BALANCED))
    assert not any(section.has("connection") for section in (sdp.session, *sdp.media))


@pytest.mark.conformance("5-tls-id")
def test_an_association_keeps_its_tls_id_of_more_than_120_bits() -> None:
    left, right = pair()
    add_track(left, "audio")
    first, answer = exchange(left, right)
    tls_id = first.media[0].tls_id
    assert tls_id is not None
    # Five bits for each character of base32.
    assert len(tls_id) * 5 >= 120
    add_track(left, "video")
    later, later_answer = exchange(left, right)
    assert {section.tls_id for section in later.media} == {tls_id}
    assert {section.tls_id for section in later_answer.media} == {answer.media[0].tls_id}


@pytest.mark.conformance("5-tls-id")
def test_a_new_association_has_a_new_tls_id() -> None:
    assert end().profile.random(20) != end().profile.random(19)
    one, other = (
        offer(end_with_media_and_data(BundlePolicy.MAX_BUNDLE)).media[0] for _ in range(2)
    )
    assert one.tls_id == other.tls_id, "the same random bytes"
    made = end_with_media_and_data(BundlePolicy.MAX_BUNDLE)
    assert offer(made).media[0].tls_id != offer(made).media[0].tls_id


def test_section_that_only_receives_has_no_msid_and_no_ssrc() -> None:
    made = end()
    add(made, "video", MediaDirection.RECVONLY)
    (section,) = offer(made).media
    assert section.direction is MediaDirection.RECVONLY
    assert not any((section.msids, section.ssrcs, section.ssrc_groups))


def test_section_that_sends_has_msid_ssrc_and_rtx_ssrc() -> None:
    made = end()
    state = add(made, "video", MediaDirection.SENDONLY, streams=("one", "two", "one"))
    (section,) = offer(made).media
    assert [(m.stream, m.track) for m in section.msids] == [
        ("one", state.track_id),
        ("two", state.track_id),
    ]
    assert [group.ssrcs for group in section.ssrc_groups] == [(state.ssrc, state.rtx_ssrc)]
    assert {(s.ssrc, s.value) for s in section.ssrcs} == {
        (state.ssrc, "end-1"),
        (state.rtx_ssrc, "end-1"),
    }


def test_a_track_without_a_stream_says_so() -> None:
    made = end()
    add(made, "audio", streams=())
    (section,) = offer(made).media
    assert [msid.stream for msid in section.msids] == ["-"]


def test_preferences_choose_the_codecs_and_their_order() -> None:
    made = end()
    state = add(made, "video")
    made.change_transceiver(state.key, preferences=["video/H264", "video/VP8"])
    assert offer(made).media[0].media_line.formats == ("98", "99", "96", "97")
    made.change_transceiver(state.key, preferences=["video/H264"])
    assert offer(made).media[0].media_line.formats == ("98", "99")


def test_a_later_offer_keeps_the_order_of_the_last_answer() -> None:
    left, right = pair()
    state = add_track(left, "video")
    left.change_transceiver(state.key, preferences=["video/H264", "video/VP8"])
    exchange(left, right)
    assert offer(right).media[0].media_line.formats == ("98", "99", "96", "97")


def test_we_control_ice_where_we_offered() -> None:
    left, right = pair()
    add_track(left, "audio")
    exchange(left, right)
    assert left.session.transports[0].ice_role is IceRole.CONTROLLING
    assert right.session.transports[0].ice_role is IceRole.CONTROLLED


def test_no_offer_while_the_peer_waits_for_an_answer() -> None:
    left, right = pair()
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    with pytest.raises(InvalidStateError, match="have-remote-offer"):
        right.create_offer()


def test_ports_and_addresses_are_those_of_no_candidate_yet() -> None:
    def shown(section: MediaSection) -> tuple[int, str]:
        assert section.connection is not None
        return section.media_line.port, section.connection.address

    sections = offer(end_with_media_and_data(BundlePolicy.MAX_COMPAT)).media
    assert {shown(section) for section in sections} == {(9, "0.0.0.0")}


@pytest.fixture
def ends() -> tuple[OfferAnswer, OfferAnswer]:
    """Two ends that have agreed on audio, video and data."""
    left, right = pair()
    for kind in ("audio", "video"):
        add_track(left, kind)
    left.request_data()
    exchange(left, right)
    return left, right


def test_agreed_sections_keep_their_index(ends: tuple[OfferAnswer, OfferAnswer]) -> None:
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


def test_section_of_a_stopped_transceiver_is_rejected_and_leaves_the_group(
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


def test_rejected_section_is_recycled_under_a_new_mid(
    ends: tuple[OfferAnswer, OfferAnswer],
) -> None:
    left, right = ends
    left.stop_transceiver(0)
    exchange(left, right)
    add(right, "video", MediaDirection.RECVONLY)
    later, _ = exchange(right, left)
    assert kinds(later) == ["video", "video", "application"]
    assert mids(later) == ["3", "1", "2"]
    check_agreement(left, right)


def test_data_may_recycle_a_rejected_section() -> None:
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


def test_section_is_not_recycled_before_the_answer(ends: tuple[OfferAnswer, OfferAnswer]) -> None:
    left, _ = ends
    left.stop_transceiver(0)
    set_local(left)
    add(left, "video", MediaDirection.SENDONLY)
    assert mids(offer(left)) == ["0", "1", "2", "3"]


def test_new_section_after_all_media_were_stopped_recycles_the_first(
    ends: tuple[OfferAnswer, OfferAnswer],
) -> None:
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


def test_mid_after_the_greatest_of_the_peer_is_free() -> None:
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


def test_each_section_keeps_its_transport_without_bundle() -> None:
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


def test_new_section_without_bundle_has_its_own_transport_under_every_policy() -> None:
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


def test_data_channels_wait_beside_a_section_that_the_peer_rejected_without_a_mid() -> None:
    left, right = end(), OfferAnswer(profile(2))
    add_track(left, "audio")
    right.request_data()
    gone = [("a=mid:0\r\n", ""), ("a=group:BUNDLE 0\r\n", "")]
    rejected = edited(offer_of(left), ("m=audio 9", "m=audio 0"), *gone)
    set_remote(right, rejected)
    set_local(right)
    assert right.negotiation_needed
    assert kinds(offer(right)) == ["application"]
