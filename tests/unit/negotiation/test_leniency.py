"""What is taken of a peer although it breaks a standard: one rule each, noted, to be refused."""

from __future__ import annotations

import re

import pytest

from peer.configuration import SdpLimits
from peer.configuration.sdp_leniency import DEFAULT_LENIENCY, SdpLeniency
from peer.descriptions import SdpType, SessionDescription
from peer.errors import CandidateError, DescriptionError
from peer.ice import CandidateFields, IceCandidate
from peer.negotiation.leniency import read_description, repaired_candidate
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import Side
from tests.support.negotiation.offer_answer import (
    add_track,
    an_offer,
    answer_of,
    edited,
    exchange,
    offer_of,
    profile,
    rejected,
    set_remote,
)
from tests.support.negotiation.sessions import check_session

FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["4F"] * 32)
ICE = "a=ice-ufrag:Wqwu\r\na=ice-pwd:AR5y5riVzuDX39PPqba3Qt5c"
#: As soft switches of before BUNDLE write it: session-level address, no mid, old profile.
SOFT_SWITCH = f"""v=0
o=switch 1506400000 1506400001 IN IP4 192.0.2.10
s=switch
c=IN IP4 192.0.2.10
t=0 0
a=msid-semantic: WMS stream
m=audio 16146 RTP/SAVPF 102 101
a=rtpmap:102 opus/48000/2
a=fmtp:102 useinbandfec=1; ptime=20
a=rtpmap:101 telephone-event/8000
{FINGERPRINT}
a=rtcp-mux
a=rtcp:16146 IN IP4 192.0.2.10
a=ssrc:3721256842 cname:6Xk
{ICE}
a=candidate:7038872351 1 udp 659136 192.0.2.10 16146 typ host generation 0
a=candidate:7038872351 2 udp 659136 192.0.2.10 16147 typ host generation 0
a=ptime:20
"""


def offer(text: str) -> SessionDescription:
    return SessionDescription(text.replace("\r\n", "\n").replace("\n", "\r\n"), SdpType.OFFER)


def answer_to(
    description: SessionDescription, end: OfferAnswer | None = None
) -> tuple[Sdp, OfferAnswer]:
    """The answer of an end to a description that the strict reader would refuse."""
    end = end or OfferAnswer(profile(2))
    set_remote(end, description)
    answer = Sdp.parse(answer_of(end).sdp)
    check_session(end.session)
    return answer, end


def used(end: OfferAnswer, description: SessionDescription) -> list[SdpLeniency]:
    """The leniencies that a description needs; it is not set."""
    plan = end.plan(Side.REMOTE, description)
    assert all(each.reason for each in plan.leniencies)
    return [each.rule for each in plan.leniencies]


def refused_without(rule: SdpLeniency, description: SessionDescription) -> DescriptionError:
    """The error where a rule is switched off; nothing has changed."""
    end = OfferAnswer(profile(2, leniency=DEFAULT_LENIENCY - {rule}))
    before = end.session
    with pytest.raises(DescriptionError) as refusal:
        end.plan(Side.REMOTE, description)
    assert end.session is before
    return refusal.value


def test_strict_peer_needs_no_leniency() -> None:
    assert used(OfferAnswer(profile(2)), an_offer("audio", "video", "data")) == []


def test_call_of_a_soft_switch_is_answered() -> None:
    description = offer(SOFT_SWITCH)
    answer, end = answer_to(description)
    assert rejected(answer) == [False]
    assert answer.media[0].mid == "0"
    assert answer.media[0].media_line.protocol == "RTP/SAVPF"
    assert used(OfferAnswer(profile(2)), description) == [SdpLeniency.MISSING_MID]
    assert "no a=mid" in refused_without(SdpLeniency.MISSING_MID, description).reason
    assert [t.mid for t in end.session.transceivers] == ["0"]


def test_made_up_mid_stays_in_later_offers() -> None:
    end = OfferAnswer(profile(2))
    answer_to(offer(SOFT_SWITCH), end)
    again = SOFT_SWITCH.replace("1506400001", "1506400002")
    video = (
        again[again.index("m=audio") :]
        .replace("m=audio", "m=video")
        .replace("opus/48000/2", "VP8/90000")
    )
    answer, _ = answer_to(offer(again + video), end)
    assert [section.mid for section in answer.media] == ["0", "1"]


def test_made_up_mid_is_none_of_the_description() -> None:
    text = an_offer("audio", "video").sdp
    text = (
        text.replace("a=group:BUNDLE 0 1\r\n", "")
        .replace("a=mid:0\r\n", "")
        .replace("a=mid:1", "a=mid:0")
    )
    answer, _ = answer_to(SessionDescription(text, SdpType.OFFER))
    assert [section.mid for section in answer.media] == ["1", "0"]


def test_foreign_section_without_mid_is_rejected_alone() -> None:
    answer, _ = answer_to(
        SessionDescription(an_offer("audio").sdp + "m=image 9 udptl t38\r\n", SdpType.OFFER)
    )
    assert rejected(answer) == [False, True]


def test_answer_without_mids_pairs_by_place() -> None:
    left, right = OfferAnswer(profile(1)), OfferAnswer(profile(2))
    for kind in ("audio", "video"):
        add_track(left, kind)
    set_remote(right, offer_of(left))
    nameless = edited(
        answer_of(right), ("a=group:BUNDLE 0 1\r\n", ""), ("a=mid:0\r\n", ""), ("a=mid:1\r\n", "")
    )
    assert used(left, nameless) == [SdpLeniency.MISSING_MID] * 2
    set_remote(left, nameless)
    assert [t.mid for t in left.session.transceivers] == ["0", "1"]


def test_answer_with_a_mid_that_was_not_offered_is_taken_by_place() -> None:
    left, right = OfferAnswer(profile(1)), OfferAnswer(profile(2))
    for kind in ("audio", "video"):
        add_track(left, kind)
    set_remote(right, offer_of(left))
    renamed = edited(
        answer_of(right), ("a=mid:1\r\n", "a=mid:old\r\n"), ("BUNDLE 0 1", "BUNDLE 0 old")
    )
    assert used(left, renamed) == [SdpLeniency.MID_BY_PLACE]
    set_remote(left, renamed)
    assert [t.mid for t in left.session.transceivers] == ["0", "1"]


def test_answer_with_mids_in_each_others_places_is_refused() -> None:
    left, right = OfferAnswer(profile(1)), OfferAnswer(profile(2))
    for kind in ("audio", "video"):
        add_track(left, kind)
    set_remote(right, offer_of(left))
    swapped = edited(
        answer_of(right), ("a=mid:0", "a=mid:x"), ("a=mid:1", "a=mid:0"), ("a=mid:x", "a=mid:1")
    )
    with pytest.raises(DescriptionError, match="a=mid:1 stands where"):
        left.plan(Side.REMOTE, swapped)


@pytest.mark.parametrize("protocol", ["DTLS/SCTP", "UDP/DTLS/SCTP", "TCP/DTLS/SCTP"])
def test_data_in_the_form_of_old_drafts_is_answered_in_that_form(protocol: str) -> None:
    description = edited(
        an_offer("data"),
        ("UDP/DTLS/SCTP webrtc-datachannel", f"{protocol} 5000"),
        ("a=sctp-port:5000", "a=sctpmap:5000 webrtc-datachannel 1024"),
    )
    assert used(OfferAnswer(profile(2)), description) == [SdpLeniency.OLD_DATA_FORM]
    end = OfferAnswer(profile(2))
    set_remote(end, description)
    text = answer_of(end).sdp
    assert f"m=application 9 {protocol} 5000\r\n" in text
    assert "a=sctpmap:5000 webrtc-datachannel 1024\r\n" in text
    assert "a=sctp-port" not in text
    # Our own later offers are in that form too.
    add_track(end, "audio")
    assert f"m=application 9 {protocol} 5000\r\n" in offer_of(end).sdp


def test_answer_with_data_in_the_form_of_old_drafts_is_taken() -> None:
    left, right = OfferAnswer(profile(1)), OfferAnswer(profile(2))
    left.request_data()
    set_remote(right, offer_of(left))
    old = edited(
        answer_of(right),
        ("UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5000"),
        ("a=sctp-port:5000", "a=sctpmap:5000 webrtc-datachannel 1024"),
    )
    set_remote(left, old)
    assert left.session.data is not None
    assert left.session.data.mid == "0"


def test_sctp_of_something_else_is_no_data_channel() -> None:
    description = edited(
        an_offer("audio", "data"),
        ("UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5000"),
        ("a=sctp-port:5000", "a=sctpmap:5000 bfcp 2"),
    )
    assert rejected(answer_to(description)[0]) == [False, True]


@pytest.mark.parametrize(
    ("candidate", "foundation"),
    [
        (" 1 udp 2113939711 192.0.2.127 19305 typ host generation 0", "0"),
        ("a.b-c_d 1 udp 1 192.0.2.1 9 typ host", "abcd"),
        ("x" * 40 + " 1 udp 1 192.0.2.1 9 typ host", "x" * 32),
        ("1 1 udp 0 192.0.2.1 9 typ host", "1"),
        ("1 1 udp 1 192.0.2.1 9 typ host generation", "1"),
    ],
)
def test_broken_candidate_is_repaired(candidate: str, foundation: str) -> None:
    description = edited(
        an_offer("audio"), ("a=rtcp-mux\r\n", f"a=rtcp-mux\r\na=candidate:{candidate}\r\n")
    )
    assert used(OfferAnswer(profile(2)), description) == [SdpLeniency.BROKEN_CANDIDATE]
    refused_without(SdpLeniency.BROKEN_CANDIDATE, description)
    repaired = repaired_candidate(candidate)
    assert repaired is not None
    assert CandidateFields.parse(repaired).foundation == foundation


@pytest.mark.parametrize(
    "candidate",
    [
        "1 0 udp 1 192.0.2.1 9 typ host",
        "1 1 udp 1 192.0.2.1 99999 typ host",
        "1 1 udp",
        "",
        "1 1 udp 1 192.0.2.1 9 type host",
    ],
)
def test_candidate_that_cannot_be_repaired_is_passed_over(candidate: str) -> None:
    description = edited(
        an_offer("audio"), ("a=rtcp-mux\r\n", f"a=rtcp-mux\r\na=candidate:{candidate}\r\n")
    )
    assert used(OfferAnswer(profile(2)), description) == [SdpLeniency.BROKEN_CANDIDATE]
    assert rejected(answer_to(description)[0]) == [False]
    assert repaired_candidate(candidate) is None


def test_trickled_candidate_is_repaired_too() -> None:
    end = OfferAnswer(profile(2))
    set_remote(end, an_offer("audio"))
    broken = IceCandidate("candidate: 1 udp 2113939711 192.0.2.1 9 typ host", sdpMid="0")
    assert end.add_candidate(broken) is not None
    with pytest.raises(CandidateError):
        end.add_candidate(IceCandidate("candidate:1 1 udp", sdpMid="0"))
    strict = OfferAnswer(profile(2, leniency=frozenset()))
    set_remote(strict, an_offer("audio"))
    with pytest.raises(CandidateError):
        strict.add_candidate(broken)


def test_candidates_beyond_the_limit_are_passed_over() -> None:
    lines = "".join(f"a=candidate:{n} 1 udp 1 192.0.2.1 {n} typ host\r\n" for n in range(1, 1001))
    many = edited(an_offer("audio"), ("a=rtcp-mux\r\n", "a=rtcp-mux\r\n" + lines))
    end = OfferAnswer(profile(2))
    assert used(end, many) == [SdpLeniency.TOO_MANY_CANDIDATES]
    set_remote(end, many)
    remote = end.session.description(Side.REMOTE)
    assert remote is not None
    assert len(remote.sdp.media[0].candidates) == 128
    assert (
        "more than 128 candidates" in refused_without(SdpLeniency.TOO_MANY_CANDIDATES, many).reason
    )


@pytest.mark.parametrize(
    ("edit", "rule"),
    [
        (("a=rtcp-mux\r\n", "a=rtcp-mux \r\n"), SdpLeniency.SPACES_AND_CASE),
        (("a=setup:actpass", "a=setup:ACTPASS"), SdpLeniency.SPACES_AND_CASE),
        (("a=sendrecv\r\n", "a=inactive\r\na=sendrecv\r\n"), SdpLeniency.REPEATED_DIRECTION),
        (("a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtpmap:99 odd\r\n"), SdpLeniency.BROKEN_RTPMAP),
        (("a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtpmap:x/y\r\n"), SdpLeniency.BROKEN_RTPMAP),
    ],
)
def test_small_faults_of_lines_are_passed_over(edit: tuple[str, str], rule: SdpLeniency) -> None:
    description = edited(an_offer("audio"), edit)
    assert used(OfferAnswer(profile(2)), description) == [rule]
    answer, end = answer_to(description)
    assert rejected(answer) == [False]
    assert [str(t.direction) for t in end.session.transceivers] == ["recvonly"]


@pytest.mark.parametrize("fields", ["user abc 1", "- 1 x", f"- {2**70} 1", "- 1 -1"])
def test_origin_may_have_any_words_for_numbers(fields: str) -> None:
    text = an_offer("audio").sdp
    origin = text.splitlines()[1]
    description = SessionDescription(
        text.replace(origin, f"o={fields} IN IP4 192.0.2.60"), SdpType.OFFER
    )
    assert used(OfferAnswer(profile(2)), description) == [SdpLeniency.ORIGIN]
    assert rejected(answer_to(description)[0]) == [False]


def test_opus_without_channels_is_opus() -> None:
    description = edited(an_offer("audio"), ("opus/48000/2", "opus/48000"))
    assert used(OfferAnswer(profile(2)), description) == [SdpLeniency.OPUS_CHANNELS]
    answer, _ = answer_to(description)
    assert "opus" in str(answer)


def test_port_zero_with_a_stray_bundle_only_is_a_rejection() -> None:
    description = edited(
        an_offer("audio", "video"),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"),
        ("m=video 9", "m=video 0"),
        ("a=mid:1\r\n", "a=mid:1\r\na=bundle-only\r\n"),
    )
    assert SdpLeniency.STRAY_BUNDLE_ONLY in used(OfferAnswer(profile(2)), description)
    assert rejected(answer_to(description)[0]) == [False, True]


def test_rejected_section_without_mid_that_its_group_names_is_found_by_place() -> None:
    left, right = OfferAnswer(profile(1)), OfferAnswer(profile(2))
    for kind in ("audio", "video"):
        add_track(left, kind)
    exchange(left, right)
    again = edited(offer_of(left), ("a=mid:1\r\n", ""), ("m=video 9", "m=video 0"))
    assert used(right, again) == [SdpLeniency.MISSING_MID]
    set_remote(right, again)


@pytest.mark.parametrize("stray", ["", "a=bundle-only\r\n"])
def test_offer_that_rejects_a_section_without_mid_ends_what_stood_at_its_place(stray: str) -> None:
    left, right = OfferAnswer(profile(1)), OfferAnswer(profile(2))
    for kind in ("audio", "video"):
        add_track(left, kind)
    exchange(left, right)
    whole = edited(offer_of(left), ("a=group:BUNDLE 0 1\r\n", ""))
    less = edited(whole, ("a=mid:0\r\n", ""), ("a=mid:1\r\n", stray), ("m=video 9", "m=video 0"))
    for _ in range(2):
        assert used(right, less)[:2] == [SdpLeniency.MISSING_MID] * 2
        assert rejected(answer_to(less, right)[0]) == [False, True]
    # Its place is free for another.
    assert rejected(answer_to(whole, right)[0]) == [False, False]


def test_answer_without_setup_is_refused_unless_it_is_asked_for() -> None:
    left, right = OfferAnswer(profile(1)), OfferAnswer(profile(2))
    add_track(left, "audio")
    set_remote(right, offer_of(left))
    silent = edited(answer_of(right), ("a=setup:active\r\n", ""))
    before = left.session
    with pytest.raises(DescriptionError, match="setup"):
        left.plan(Side.REMOTE, silent)
    assert left.session is before

    lenient = OfferAnswer(profile(1, leniency=frozenset(SdpLeniency)))
    add_track(lenient, "audio")
    offer_of(lenient)
    assert used(lenient, silent) == [SdpLeniency.MISSING_ANSWER_SETUP]


@pytest.mark.parametrize(
    ("offered", "answered", "read"),
    [
        ("sendonly", "sendrecv", "recvonly"),
        ("sendonly", "sendonly", "inactive"),
        ("inactive", "sendrecv", "inactive"),
        ("recvonly", "recvonly", "inactive"),
        ("recvonly", "sendrecv", "sendonly"),
    ],
)
def test_answer_that_is_wider_than_the_offer_is_narrowed_where_it_is_asked_for(
    offered: str, answered: str, read: str
) -> None:
    left = OfferAnswer(profile(1, leniency=frozenset(SdpLeniency)))
    right = OfferAnswer(profile(2))
    add_track(left, "audio")
    left.change_transceiver(0, direction=MediaDirection(offered))
    set_remote(right, offer_of(left))
    answer = answer_of(right)
    wide = SessionDescription(
        re.sub("a=(sendonly|recvonly|inactive)\r\n", f"a={answered}\r\n", answer.sdp), answer.type
    )
    assert used(left, wide) == [SdpLeniency.WIDE_ANSWER]
    set_remote(left, wide)
    agreed = left.session.transceivers[0].current_direction
    assert agreed is MediaDirection(read).reversed


def test_weak_hash_is_refused_with_every_leniency() -> None:
    end = OfferAnswer(profile(2, leniency=frozenset(SdpLeniency)))
    with pytest.raises(DescriptionError, match="md5 is too weak"):
        end.plan(
            Side.REMOTE, edited(an_offer("audio"), ("a=fingerprint:sha-256", "a=fingerprint:md5"))
        )


LACKS = [
    ("a=rtcp-mux", "RTP and RTCP must share a port"),
    ("a=ice-pwd", "it has no a=ice-ufrag or no a=ice-pwd"),
    ("a=fingerprint", "it has no a=fingerprint"),
]


def lacking(description: SessionDescription, attribute: str) -> SessionDescription:
    lines = description.sdp.splitlines(keepends=True)
    return SessionDescription(
        "".join(line for line in lines if not line.startswith(attribute)), description.type
    )


@pytest.mark.parametrize(("attribute", "reason"), LACKS)
def test_offer_of_which_nothing_can_be_taken_is_answered_with_port_zero(
    attribute: str, reason: str
) -> None:
    description = lacking(an_offer("audio"), attribute)
    plan = OfferAnswer(profile(2)).plan(Side.REMOTE, description)
    assert [reason in each.reason for each in plan.leniencies] == [True]
    answer, end = answer_to(description)
    assert rejected(answer) == [True]
    assert end.session.transports == ()
    refused_without(SdpLeniency.UNUSABLE_SECTION, description)


def test_plain_rtp_beside_what_we_take_is_rejected_alone() -> None:
    plain = "m=audio 9 RTP/AVP 0\r\na=mid:7\r\na=rtpmap:0 PCMU/8000\r\n"
    answer, _ = answer_to(SessionDescription(an_offer("audio").sdp + plain, SdpType.OFFER))
    assert rejected(answer) == [False, True]
    assert answer.media[1].media_line.protocol == "RTP/AVP"


@pytest.mark.parametrize("attribute", [attribute for attribute, _ in LACKS])
def test_live_section_that_loses_what_it_needs_is_refused(attribute: str) -> None:
    left, right = OfferAnswer(profile(1)), OfferAnswer(profile(2))
    add_track(left, "audio")
    exchange(left, right)
    before = right.session
    with pytest.raises(DescriptionError):
        right.plan(Side.REMOTE, lacking(offer_of(left), attribute))
    assert right.session is before


@pytest.mark.parametrize("protocol", ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "UDP/TLS/RTP/SAVP"])
def test_any_profile_is_taken_and_answered_with_itself(protocol: str) -> None:
    description = edited(an_offer("audio"), ("UDP/TLS/RTP/SAVPF", protocol))
    answer, _ = answer_to(description)
    assert rejected(answer) == [False]
    assert answer.media[0].media_line.protocol == protocol


def test_answer_without_a_codec_of_the_offer_closes_that_section_alone() -> None:
    left, right = OfferAnswer(profile(1)), OfferAnswer(profile(2))
    for kind in ("audio", "video"):
        add_track(left, kind)
    set_remote(right, offer_of(left))
    other = edited(answer_of(right), ("VP8/90000", "H263/90000"), ("H264/90000", "H261/90000"))
    assert used(left, other) == [SdpLeniency.NO_COMMON_CODEC]
    set_remote(left, other)
    assert [t.mid for t in left.session.transceivers if t.agreement] == ["0"]


def test_track_without_msid_has_the_default_stream() -> None:
    lines = an_offer("audio", "video").sdp.splitlines(keepends=True)
    bare = "".join(line for line in lines if not line.startswith("a=msid:"))
    _, end = answer_to(SessionDescription(bare, SdpType.OFFER))
    assert [t.remote_streams for t in end.session.transceivers] == [("default",)] * 2


def test_answer_has_no_feedback_beside_rtx_that_we_do_not_do() -> None:
    description = edited(
        an_offer("video"),
        ("a=rtpmap:97 rtx/90000\r\n", "a=rtpmap:97 rtx/90000\r\na=rtcp-fb:97 rrtr\r\n"),
    )
    answer, _ = answer_to(description)
    assert "rtx/90000" in str(answer)
    assert "rrtr" not in str(answer)


def test_reading_leaves_a_description_in_good_order_alone() -> None:
    text = an_offer("audio", "video", "data").sdp
    sdp, leniencies = read_description(
        text, SdpLimits(), rules=frozenset(SdpLeniency), max_candidates=128, is_answer=False
    )
    assert (str(sdp), leniencies) == (text, ())
    assert sdp == Sdp.parse(text)


def test_section_that_relied_on_a_rejected_tag_is_rejected_with_it() -> None:
    """The tag has the only fingerprint of the second, but no ICE; the third stands for itself."""
    text = an_offer("audio", "video", "data").sdp
    audio, video, data = text.split("m=")[1:]
    head = text.split("m=", maxsplit=1)[0]
    audio = "".join(x for x in audio.splitlines(keepends=True) if not x.startswith("a=ice-"))
    video = "".join(x for x in video.splitlines(keepends=True) if "fingerprint" not in x)
    sdp, end = answer_to(SessionDescription("m=".join((head, audio, video, data)), SdpType.OFFER))
    assert rejected(sdp) == [True, True, False]
    check_session(end.session)


def test_thousands_of_uses_of_a_leniency_are_told_in_a_few() -> None:
    lines = "a=candidate:nothing\r\n" * 3000
    _, told = read_description(
        an_offer("audio").sdp + lines,
        SdpLimits(),
        rules=DEFAULT_LENIENCY,
        max_candidates=128,
        is_answer=False,
    )
    assert len(told) == 17
    assert told[-1].rule is SdpLeniency.BROKEN_CANDIDATE
    assert told[-1].reason.startswith("2984 more")
