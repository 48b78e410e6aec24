from __future__ import annotations

import pytest

from peer.configuration import AnswerRole, BundlePolicy
from peer.descriptions import SdpType, SessionDescription
from peer.errors import InvalidStateError
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection, Setup
from peer.negotiation.sdp.description import MediaSection, Sdp
from peer.negotiation.session import Side
from peer.rtp_parameters import HeaderExtension, MediaKind, RtpCapabilities
from peer.states import DtlsRole, IceRole
from tests.support.descriptions import NAMES, load
from tests.support.negotiation.offer_answer import (
    LEVEL,
    MID,
    PCMU,
    VP8,
    add,
    add_track,
    an_offer,
    answer_of,
    answer_to,
    described,
    edited,
    exchange,
    offer_of,
    only_tagged,
    pair,
    profile,
    rejected,
    set_local,
    set_remote,
    transceiver,
    video,
)
from tests.support.negotiation.sessions import check_agreement, check_session

D = MediaDirection
OFFERS = [name for name in NAMES if "offer" in name]


@pytest.mark.parametrize("name", OFFERS)
@pytest.mark.parametrize("policy", BundlePolicy)
def test_offers_of_real_peers_are_answered_in_full(name: str, policy: BundlePolicy) -> None:
    offer = SessionDescription(load(name), SdpType.OFFER)
    answer, end = answer_to(offer, OfferAnswer(profile(2, bundle_policy=policy)))
    assert not any(rejected(answer))
    assert len(end.session.transports) == 1
    assert [group.mids for group in answer.bundle_groups] == [
        tuple(section.mid for section in answer.media)
    ]


@pytest.mark.parametrize("name", OFFERS)
def test_real_peers_find_their_own_numbers_in_our_answer(name: str) -> None:
    text = load(name)
    answer, _ = answer_to(SessionDescription(text, SdpType.OFFER))
    for theirs, ours in zip(Sdp.parse(text).media, answer.media, strict=True):
        assert set(ours.media_line.formats) <= set(theirs.media_line.formats)
        assert {(e.id, e.uri) for e in ours.extmaps} <= {(e.id, e.uri) for e in theirs.extmaps}
        assert ours.media_line.protocol == theirs.media_line.protocol


@pytest.mark.parametrize("name", OFFERS)
def test_real_peers_may_repeat_their_offer(name: str) -> None:
    offer = SessionDescription(load(name), SdpType.OFFER)
    first, end = answer_to(offer)
    transports, agreed = end.session.transports, [t.agreement for t in end.session.transceivers]
    second, _ = answer_to(offer, end)
    assert end.session.transports == transports
    assert [t.agreement for t in end.session.transceivers] == agreed
    assert [str(s) for s in second.media] == [str(s) for s in first.media]


@pytest.mark.conformance("5-answer")
@pytest.mark.parametrize(
    ("offered", "preference", "answered", "role"),
    [
        (Setup.ACTPASS, AnswerRole.ACTIVE, Setup.ACTIVE, DtlsRole.CLIENT),
        (Setup.ACTPASS, AnswerRole.PASSIVE, Setup.PASSIVE, DtlsRole.SERVER),
        (Setup.ACTIVE, AnswerRole.ACTIVE, Setup.PASSIVE, DtlsRole.SERVER),
        (Setup.PASSIVE, AnswerRole.PASSIVE, Setup.ACTIVE, DtlsRole.CLIENT),
    ],
)
def test_an_answer_takes_a_role(
    offered: Setup, preference: AnswerRole, answered: Setup, role: DtlsRole
) -> None:
    offer = edited(an_offer("audio", "data"), ("actpass", offered.value))
    answer, end = answer_to(offer, OfferAnswer(profile(2, answer_role=preference)))
    assert {section.setup for section in answer.media} == {answered}
    assert {transport.role for transport in end.session.transports} == {role}


def test_an_offer_without_setup_is_active() -> None:
    answer, _ = answer_to(edited(an_offer("audio"), ("a=setup:actpass\r\n", "")))
    assert answer.media[0].setup is Setup.PASSIVE


@pytest.mark.conformance("5-answer")
@pytest.mark.parametrize("role", AnswerRole)
def test_a_later_answer_keeps_the_role_of_the_association(role: AnswerRole) -> None:
    left, right = pair(answer_role=role)
    add_track(left, "audio")
    _, first = exchange(left, right)
    _, later = exchange(right, left)
    taken = {first.media[0].setup, later.media[0].setup}
    assert taken == {Setup.ACTIVE, Setup.PASSIVE}, "the offerer answers with the other role"
    check_agreement(left, right)


@pytest.mark.conformance("5-fingerprint")
def test_every_answered_section_shows_our_certificate() -> None:
    answer, end = answer_to(an_offer("audio", "video", "data"))
    assert {section.fingerprints for section in answer.media} == {end.profile.fingerprints}


@pytest.mark.conformance("5-no-connection")
def test_the_connection_attribute_changes_nothing() -> None:
    plain = an_offer("audio")
    said = edited(plain, ("a=mid:0\r\n", "a=mid:0\r\na=connection:new\r\n"))
    assert answer_to(said)[0] == answer_to(plain)[0]


@pytest.mark.conformance("5-tls-id")
def test_a_peer_without_tls_id_is_answered_without() -> None:
    offer = an_offer("audio")
    (line,) = (text for text in offer.sdp.splitlines() if text.startswith("a=tls-id"))
    answer, end = answer_to(edited(offer, (f"{line}\r\n", "")))
    assert answer.media[0].tls_id is None
    assert (
        Sdp.parse(end.create_offer().sdp).media[0].tls_id
        == end.session.transports[0].association.local.tls_id
    )


@pytest.mark.parametrize(
    ("offered", "wanted", "answered"),
    [
        (D.SENDRECV, D.SENDRECV, D.SENDRECV),
        (D.SENDRECV, D.SENDONLY, D.SENDONLY),
        (D.SENDRECV, D.RECVONLY, D.RECVONLY),
        (D.SENDRECV, D.INACTIVE, D.INACTIVE),
        (D.SENDONLY, D.SENDRECV, D.RECVONLY),
        (D.SENDONLY, D.SENDONLY, D.INACTIVE),
        (D.SENDONLY, D.RECVONLY, D.RECVONLY),
        (D.RECVONLY, D.SENDRECV, D.SENDONLY),
        (D.RECVONLY, D.RECVONLY, D.INACTIVE),
        (D.INACTIVE, D.SENDRECV, D.INACTIVE),
    ],
)
def test_a_direction_is_what_both_want(
    offered: MediaDirection, wanted: MediaDirection, answered: MediaDirection
) -> None:
    left, right = pair()
    ours = add(left, "audio", offered)
    set_remote(right, offer_of(left))
    (theirs,) = right.session.transceivers
    right.change_transceiver(theirs.key, direction=wanted)
    answer = Sdp.parse(answer_of(right).sdp)
    set_remote(left, described(right, Side.LOCAL))
    assert answer.media[0].direction is answered
    assert transceiver(right, theirs.key).current_direction is answered
    assert transceiver(left, ours.key).current_direction is answered.reversed


def test_a_direction_of_the_whole_session_counts() -> None:
    offer = edited(
        an_offer("audio"), ("a=sendrecv\r\n", ""), ("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n")
    )
    answer, _ = answer_to(offer)
    assert answer.media[0].direction is MediaDirection.RECVONLY


def test_msid_follows_the_direction_of_the_transceiver_not_of_the_answer() -> None:
    left, right = pair()
    add(left, "audio", MediaDirection.SENDRECV)
    exchange(left, right)
    (state,) = right.session.transceivers
    right.change_transceiver(state.key, direction=MediaDirection.SENDRECV, streams=["mine"])
    left.change_transceiver(0, direction=MediaDirection.SENDONLY)
    _, answer = exchange(left, right)
    assert answer.media[0].direction is MediaDirection.RECVONLY
    assert [msid.stream for msid in answer.media[0].msids] == ["mine"]
    assert answer.media[0].ssrcs == ()
    assert not right.negotiation_needed


def test_preferences_order_the_answer_and_the_peer_orders_what_we_send() -> None:
    left, right = pair()
    add_track(left, "video")
    state = add_track(right, "video")
    right.change_transceiver(state.key, preferences=["video/H264", "video/VP8"])
    offer, answer = exchange(left, right)
    assert offer.media[0].media_line.formats == ("96", "97", "98", "99")
    assert answer.media[0].media_line.formats == ("98", "99", "96", "97")
    agreement = transceiver(right, state.key).agreement
    assert agreement is not None
    assert agreement.send[0].name == "VP8", "RFC 9429 section 5.11: what the peer prefers"
    assert agreement.receive[0].name == "H264"
    check_agreement(left, right)


def test_each_side_sends_in_the_numbers_of_the_other() -> None:
    left, right = pair()
    add_track(left, "video")
    add_track(right, "video")
    set_remote(right, offer_of(left))
    # RFC 3264 section 5.1 lets an answer number a codec differently.
    turned = edited(answer_of(right), (" 96 97 98 99", " 120"), (":96 ", ":120 "))
    set_remote(left, turned)
    agreement = left.session.transceivers[0].agreement
    assert agreement is not None
    assert [(c.payload_type, c.name) for c in agreement.send] == [(120, "VP8")]
    assert [(c.payload_type, c.name) for c in agreement.receive] == [(96, "VP8")]


def test_a_track_of_ours_takes_a_section_that_lets_it_send() -> None:
    end = OfferAnswer(profile(2))
    ours = [add_track(end, "video"), add(end, "audio"), add_track(end, "audio")]
    answer_to(an_offer("audio", "video", "audio"), end)
    assert [transceiver(end, state.key).mid for state in ours] == ["1", None, "0"]
    assert [t.mid for t in end.session.transceivers][3:] == ["2"]


def test_a_track_of_ours_waits_where_the_peer_only_sends() -> None:
    end = OfferAnswer(profile(2))
    ours = add_track(end, "audio")
    answer, _ = answer_to(edited(an_offer("audio"), ("sendrecv", "sendonly")), end)
    assert transceiver(end, ours.key).mid is None
    assert answer.media[0].direction is MediaDirection.RECVONLY
    assert end.negotiation_needed


def test_reduced_size_rtcp_is_answered_where_it_is_offered() -> None:
    offer = an_offer("audio")
    assert answer_to(offer)[0].media[0].has("rtcp-rsize")
    assert not answer_to(edited(offer, ("a=rtcp-rsize\r\n", "")))[0].media[0].has("rtcp-rsize")


def test_extensions_are_agreed_with_the_ids_of_the_offer() -> None:
    offer = edited(an_offer("audio"), (f"extmap:1 {MID.uri}", f"extmap:9 {MID.uri}"))
    answer, end = answer_to(offer)
    assert answer.media[0].extmaps[0].id == 9
    agreement = end.session.transceivers[0].agreement
    assert agreement is not None
    assert HeaderExtension(9, MID.uri) in agreement.extensions


def test_an_extension_that_an_answer_turns_into_another_is_not_used() -> None:
    left, right = pair()
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    set_remote(left, edited(answer_of(right), (f"extmap:1 {MID.uri}", f"extmap:5 {MID.uri}")))
    agreement = left.session.transceivers[0].agreement
    assert agreement is not None
    assert MID.uri not in {extension.uri for extension in agreement.extensions}


@pytest.mark.parametrize("session_level", [False, True])
def test_we_control_a_lite_peer(*, session_level: bool) -> None:
    offer = an_offer("audio")
    lite = edited(offer, ("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n")) if session_level else offer
    _, end = answer_to(lite)
    (transport,) = end.session.transports
    assert transport.remote_ice is not None
    assert transport.remote_ice.lite is session_level
    assert transport.ice_role is (IceRole.CONTROLLING if session_level else IceRole.CONTROLLED)


def test_offer_of_data_alone_is_answered() -> None:
    left, right = pair()
    left.request_data()
    _, answer = exchange(left, right)
    assert answer.media[0].media_line.formats == ("webrtc-datachannel",)
    assert right.session.data is not None
    assert right.session.data.remote_max_message_size == 262144
    check_agreement(left, right)


def test_data_without_numbers_has_those_of_the_rfc() -> None:
    offer = edited(
        an_offer("data"), ("a=sctp-port:5000\r\n", ""), ("a=max-message-size:262144\r\n", "")
    )
    _, end = answer_to(offer)
    assert end.session.data is not None
    assert end.session.data.remote_port == 5000
    assert end.session.data.remote_max_message_size == 65536


def test_there_is_no_answer_without_an_offer() -> None:
    left, right = pair()
    add_track(left, "audio")
    for end in (left, right):
        with pytest.raises(InvalidStateError, match="no offer to answer"):
            end.create_answer()
    set_local(left)
    with pytest.raises(InvalidStateError, match="have-local-offer"):
        left.create_answer()


def test_the_answer_is_made_of_sections_that_can_be_read_again() -> None:
    answer, _ = answer_to(an_offer("audio", "video", "data"))
    assert all(MediaSection(section.lines) == section for section in answer.media)
    assert PCMU.name in str(answer.media[0])
    assert VP8.name in str(answer.media[1])


def test_attributes_of_the_transport_may_stand_on_the_tagged_section_alone() -> None:
    offer = an_offer("audio", "video", "data", policy=BundlePolicy.MAX_BUNDLE)
    answer, end = answer_to(only_tagged(offer))
    assert not any(rejected(answer))
    (transport,) = end.session.transports
    assert transport.remote_ice is not None
    assert transport.remote_ice.username_fragment == Sdp.parse(offer.sdp).media[0].ice_ufrag


def test_answers_may_have_transport_attributes_on_the_tagged_section_alone() -> None:
    left, right = pair()
    for kind in ("audio", "video"):
        add_track(left, kind)
    set_remote(right, offer_of(left))
    set_remote(left, only_tagged(answer_of(right)))
    check_session(left.session)
    assert len(left.session.transports) == 1
    set_remote(left, only_tagged(offer_of(right)))


def test_next_section_is_the_tag_where_we_reject_the_tagged_one() -> None:
    offer = edited(
        an_offer("video", "audio", policy=BundlePolicy.MAX_COMPAT), ("VP8", "X1"), ("H264", "X2")
    )
    answer, end = answer_to(offer)
    assert [group.mids for group in answer.bundle_groups] == [("1",)]
    (transport,) = end.session.transports
    assert transport.association.remote is not None
    assert transport.association.remote.tls_id == Sdp.parse(offer.sdp).media[1].tls_id


def test_group_stays_on_its_transport_where_we_reject_the_tagged_section() -> None:
    left, right = pair()
    state = add(left, "video", MediaDirection.RECVONLY)
    left.change_transceiver(state.key, preferences=["video/VP8"])
    exchange(left, right)
    known = right.session.transports
    right.change_transceiver(0, preferences=["video/H264"])
    left.request_data()
    _, answer = exchange(left, right)
    assert rejected(answer) == [True, False]
    assert right.session.transports == known
    check_agreement(left, right)


def test_transports_in_use_keep_their_associations_when_they_are_offered_as_one_group() -> None:
    left, right = OfferAnswer(profile(1, bundle_policy=BundlePolicy.MAX_COMPAT)), pair()[1]
    add_track(left, "audio")
    add_track(left, "video")
    set_remote(right, edited(offer_of(left), ("a=group:BUNDLE 0 1\r\n", "")))
    set_remote(left, answer_of(right))
    agreed = right.session.transports
    assert len(agreed) == 2
    bundled = edited(offer_of(left), ("t=0 0\r\n", "t=0 0\r\na=group:BUNDLE 0 1\r\n"))
    answer, _ = answer_to(bundled, right)
    # RFC 9143 section 7.3.2: what is in use stays where it is, out of the group.
    assert [group.mids for group in answer.bundle_groups] == [("0",)]
    assert right.session.transports == agreed


def test_a_key_of_a_transport_is_not_given_twice() -> None:
    left, right = pair()
    add_track(left, "audio")
    left.request_data()
    exchange(left, right)
    left.stop_transceiver(0)
    exchange(left, right)
    assert right.session.routes == {"1": "0"}, "named for the audio section that is gone"
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


def test_a_section_of_unknown_codecs_is_rejected() -> None:
    capable = OfferAnswer(
        profile(
            1,
            capabilities={
                MediaKind.AUDIO: profile().capabilities[MediaKind.AUDIO],
                MediaKind.VIDEO: RtpCapabilities((video("AV1", 45),), (MID,)),
            },
        )
    )
    for kind in ("video", "audio", "video"):
        add_track(capable, kind)
    answer, end = answer_to(offer_of(capable))
    assert rejected(answer) == [True, False, True]
    assert [group.mids for group in answer.bundle_groups] == [("1",)]
    assert [t.mid for t in end.session.transceivers] == ["1"]
    set_remote(capable, described(end, Side.LOCAL))
    check_agreement(capable, end)


@pytest.mark.parametrize(
    "line",
    [
        "m=text 9 UDP/TLS/RTP/SAVPF 96",
        "m=message 9 TCP/TLS/MSRP *",
        "m=image 9 udptl t38",
        "m=application 9 UDP/DTLS/SCTP something-else",
        "m=application 9 UDP/BFCP *",
        "m=audio 9 RTP/FOO 0",
        "m=video 9 udp 96",
    ],
)
def test_a_section_of_unknown_media_is_rejected(line: str) -> None:
    offer = an_offer("audio", "video")
    strange = f"{line}\r\nc=IN IP4 0.0.0.0\r\na=mid:x\r\n"
    answer, _ = answer_to(SessionDescription(offer.sdp + strange, SdpType.OFFER))
    assert rejected(answer) == [False, False, True]
    assert answer.media[2].media_line.media == line.split("=")[1].split()[0]
    assert answer.media[2].mid == "x"


def test_a_second_data_section_is_rejected() -> None:
    offer = an_offer("data")
    second = offer.sdp[offer.sdp.index("m=") :].replace("a=mid:0", "a=mid:1")
    text = offer.sdp.replace("BUNDLE 0", "BUNDLE 0 1") + second
    answer, _ = answer_to(SessionDescription(text, SdpType.OFFER))
    assert rejected(answer) == [False, True]


def test_a_section_rejected_in_the_offer_stays_rejected() -> None:
    offer = edited(
        an_offer("audio", "video"), ("m=video 9", "m=video 0"), ("BUNDLE 0 1", "BUNDLE 0")
    )
    answer, end = answer_to(offer)
    assert rejected(answer) == [False, True]
    assert [t.mid for t in end.session.transceivers] == ["0"]


def test_a_rejected_section_may_have_no_mid() -> None:
    offer = an_offer("audio")
    nameless = "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n"
    answer, _ = answer_to(SessionDescription(offer.sdp + nameless, SdpType.OFFER))
    assert rejected(answer) == [False, True]
    assert answer.media[1].mid is None


def test_a_bundle_only_section_out_of_any_group_is_rejected() -> None:
    offer = edited(an_offer("audio", "audio"), ("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"))
    assert rejected(answer_to(offer)[0]) == [False, True]


def test_an_answer_may_reject_all_sections() -> None:
    answer, end = answer_to(edited(an_offer("video"), ("VP8", "X1"), ("H264", "X2")))
    assert rejected(answer) == [True]
    assert answer.bundle_groups == ()
    assert end.session.transports == ()
    assert end.session.transceivers == ()


@pytest.mark.parametrize(
    ("policy", "taken"),
    [
        (BundlePolicy.MAX_COMPAT, [True, True, True, True]),
        (BundlePolicy.BALANCED, [True, True, False, True]),
        (BundlePolicy.MAX_BUNDLE, [True, False, False, False]),
    ],
)
def test_sections_that_the_bundle_policy_gives_no_transport_are_rejected(
    policy: BundlePolicy, taken: list[bool]
) -> None:
    offer = an_offer("audio", "video", "audio", "data", policy=BundlePolicy.MAX_COMPAT)
    apart = edited(offer, ("a=group:BUNDLE 0 1 2 3\r\n", ""))
    answer, end = answer_to(apart, OfferAnswer(profile(2, bundle_policy=policy)))
    assert [not section.rejected for section in answer.media] == taken
    assert len(end.session.transports) == sum(taken)


def test_a_stopping_transceiver_is_answered_and_taken_away_by_the_next_offer() -> None:
    left, right = pair()
    add_track(left, "audio")
    add_track(left, "video")
    set_remote(right, offer_of(left))
    first = right.session.transceivers[0]
    right.stop_transceiver(first.key)
    answer = Sdp.parse(answer_of(right).sdp)
    assert answer.media[0].direction is MediaDirection.INACTIVE
    assert not answer.media[0].rejected
    set_remote(left, described(right, Side.LOCAL))
    assert right.negotiation_needed
    later, _ = exchange(right, left)
    assert rejected(later) == [True, False]
    check_agreement(left, right)


def test_an_id_that_two_sections_of_a_transport_use_otherwise_stays_with_the_first() -> None:
    """Else the audio level of one would be read as the MID of the other."""
    offer = an_offer("audio", "video")
    audio, mark, video = offer.sdp.partition("m=video")
    video = video.replace("a=extmap:1 ", "a=extmap:2 ")
    answer, end = answer_to(SessionDescription(audio + mark + video, SdpType.OFFER))
    ids = [[(item.id, item.uri) for item in section.extmaps] for section in answer.media]
    assert (2, LEVEL.uri) in ids[0]
    assert 2 not in dict(ids[1])
    # What was agreed is what our own offer says, too.
    ours = Sdp.parse(offer_of(end).sdp)
    assert (2, LEVEL.uri) in [(item.id, item.uri) for item in ours.media[0].extmaps]
    assert 2 not in {item.id for item in ours.media[1].extmaps}
