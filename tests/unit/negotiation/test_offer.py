from __future__ import annotations

import pytest

from peer.configuration import BundlePolicy
from peer.errors import InvalidStateError
from peer.negotiation.attributes import Direction, Setup
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp import MediaSection, Sdp
from peer.states import IceRole
from tests.support.negotiation.offer_answer import (
    add,
    add_track,
    exchange,
    kinds,
    mids,
    offer_of,
    pair,
    profile,
    set_local,
    set_remote,
)


def offer(end: OfferAnswer) -> Sdp:
    """What it would offer, read again."""
    return Sdp.parse(end.create_offer().sdp)


def end(policy: BundlePolicy = BundlePolicy.BALANCED) -> OfferAnswer:
    return OfferAnswer(profile(1, bundle_policy=policy))


def wishful(policy: BundlePolicy) -> OfferAnswer:
    """Two sounds, a picture and data."""
    made = end(policy)
    for kind in ("audio", "video", "audio"):
        add_track(made, kind)
    made.request_data()
    return made


def test_without_a_wish_nothing_is_offered() -> None:
    sdp = offer(end())
    assert sdp.media == ()
    assert sdp.bundle_groups == ()


def test_the_head_says_nothing_of_us() -> None:
    made = end()
    origin = offer(made).session.origin
    assert (origin.username, origin.address) == ("-", "0.0.0.0")
    assert origin.session_id == made.session.id < 2**62


def test_each_description_made_has_a_version_of_its_own() -> None:
    made = end()
    versions = [offer(made).session.origin.session_version for _ in range(3)]
    assert versions == [1, 2, 3]


def test_sound_and_picture_come_in_the_order_of_the_wishes_and_data_last() -> None:
    made = end()
    made.request_data()
    add_track(made, "video")
    add_track(made, "audio")
    sdp = offer(made)
    assert kinds(sdp) == ["video", "audio", "application"]
    assert mids(sdp) == ["0", "1", "2"]


def test_an_offer_changes_nothing() -> None:
    made = wishful(BundlePolicy.BALANCED)
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
def test_the_policy_says_what_gathers_for_itself(
    policy: BundlePolicy, shared: list[str], transports: int
) -> None:
    made = wishful(policy)
    set_local(made)
    sdp = made.session.layout
    assert [section.mid for section in sdp if section.bundle_only] == shared
    assert all((s.media_line.port == 0) == s.bundle_only for s in sdp)
    assert not any(section.rejected for section in sdp)
    assert len(made.session.transports) == transports
    assert {made.session.route(mid) for mid in ["0", *shared]} == {"0"}


@pytest.mark.parametrize("policy", BundlePolicy)
def test_every_policy_proposes_one_group(policy: BundlePolicy) -> None:
    (group,) = offer(wishful(policy)).bundle_groups
    assert group.mids == ("0", "1", "2", "3")


def test_a_group_has_one_set_of_credentials() -> None:
    made = wishful(BundlePolicy.MAX_COMPAT)
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
    made = wishful(BundlePolicy.BALANCED)
    assert {section.fingerprints for section in offer(made).media} == {made.profile.fingerprints}
    assert made.profile.fingerprints[0].algorithm == "sha-256"


@pytest.mark.conformance("5-no-connection")
def test_the_connection_attribute_is_never_written() -> None:
    sdp = offer(wishful(BundlePolicy.BALANCED))
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
    one, other = (offer(wishful(BundlePolicy.MAX_BUNDLE)).media[0] for _ in range(2))
    assert one.tls_id == other.tls_id, "the same random bytes"
    made = wishful(BundlePolicy.MAX_BUNDLE)
    assert offer(made).media[0].tls_id != offer(made).media[0].tls_id


def test_a_receiver_announces_no_stream_and_no_source() -> None:
    made = end()
    add(made, "video", Direction.RECVONLY)
    (section,) = offer(made).media
    assert section.direction is Direction.RECVONLY
    assert not any((section.msids, section.ssrcs, section.ssrc_groups))


def test_a_sender_announces_its_streams_and_the_source_of_its_repair() -> None:
    made = end()
    state = add(made, "video", Direction.SENDONLY, streams=("one", "two", "one"))
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

    sections = offer(wishful(BundlePolicy.MAX_COMPAT)).media
    assert {shown(section) for section in sections} == {(9, "0.0.0.0")}
