from __future__ import annotations

from dataclasses import replace

import pytest

from peer.codec_format import same_codec
from peer.descriptions import SdpType, SessionDescription
from peer.errors import InvalidStateError
from peer.negotiation.codecs import (
    PayloadTypeAllocator,
    answered_codecs,
    answering_nack,
    codec_lines,
    described_codecs,
    in_order_of,
    media_first,
    offered_codecs,
    preferred,
    shared_codecs,
)
from peer.negotiation.header_extensions import EVERY_EXTENSION, common_extensions
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.sdp.description import MediaSection, Sdp
from peer.negotiation.sdp.lines import Line
from peer.negotiation.session import Session
from peer.rtp_parameters import Codec, Feedback, HeaderExtension, MediaKind, RtpCapabilities
from tests.support.negotiation.offer_answer import (
    H264,
    LEVEL,
    MID,
    OPUS,
    PCMU,
    SEND_TIME,
    VP8,
    add,
    add_track,
    audio,
    edited,
    exchange,
    offer_of,
    pair,
    profile,
    set_local,
    set_remote,
    video,
)
from tests.support.negotiation.sessions import check_agreement

RTX = video("rtx", 97, apt="96")

#: Payload types that may stand beside RTCP on one port (RFC 5761 section 4).
NUMBERS = (*range(64), *range(96, 128))


def media(line: str, *attributes: str) -> MediaSection:
    return MediaSection((Line("m", line), *(Line("a", text) for text in attributes)))


def h264(profile: str | None = None, mode: str | None = None) -> Codec:
    pairs = {"profile_level_id": profile, "packetization_mode": mode}
    return video("H264", 98, **{key: value for key, value in pairs.items() if value is not None})


def names(codecs: tuple[Codec, ...]) -> list[tuple[int, str]]:
    return [(codec.payload_type, codec.name) for codec in codecs]


def test_a_codec_is_described_by_three_kinds_of_lines() -> None:
    section = media(
        "video 9 UDP/TLS/RTP/SAVPF 98 97",
        *("rtpmap:97 rtx/90000", "fmtp:97 apt=98"),
        *("rtpmap:98 H264/90000", "fmtp:98 packetization-mode=1", "rtcp-fb:98 nack pli"),
        "rtcp-fb:* transport-cc",
    )
    first, second = described_codecs(section, MediaKind.VIDEO)
    assert (first.name, first.payload_type, first.parameter("Packetization-Mode")) == (
        *("H264", 98),
        "1",
    )
    assert first.feedback == (Feedback("nack", "pli"), Feedback("transport-cc"))
    assert second.is_rtx
    assert second.apt == 98


def test_the_first_payload_types_need_no_rtpmap() -> None:
    section = media("audio 9 UDP/TLS/RTP/SAVPF 9 0 8 13")
    assert names(described_codecs(section, MediaKind.AUDIO)) == [
        *((9, "G722"), (0, "PCMU"), (8, "PCMA"))
    ]


def test_feedback_stated_twice_counts_once() -> None:
    attributes = ("rtcp-fb:* nack", "rtcp-fb:0 nack")
    section = media("audio 9 UDP/TLS/RTP/SAVPF 0 0 0", *attributes)
    (codec,) = described_codecs(section, MediaKind.AUDIO)
    assert codec.feedback == (Feedback("nack"),)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (VP8, video("vp8", 120)),
        (OPUS, audio("OPUS", 96, 48000, 2)),
        (h264("42e01f"), h264("42e034")),
        (h264("42e01f"), h264("4d8028")),
        (h264("42C00D"), h264("58c01e")),
        (h264("42001f"), h264("42000d")),
        (h264("64001f"), h264("640033")),
        (h264(), h264("42e01f", "0")),
        (h264("zz"), h264("zz")),
        (video("VP9", 98), video("VP9", 100, profile_id="0")),
        (video("AV1", 45), video("AV1", 46, profile="0")),
    ],
)
def test_names_may_differ_where_the_stream_does_not(one: Codec, other: Codec) -> None:
    assert same_codec(one, other)
    assert same_codec(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (VP8, video("VP9", 96)),
        (PCMU, audio("PCMA", 0)),
        (PCMU, audio("PCMU", 0, 16000)),
        (OPUS, audio("opus", 111, 48000, 1)),
        (audio("x", 96, 90000), video("x", 96)),
        (h264("42e01f"), h264("42001f")),
        (h264("42e01f"), h264("4d001f")),
        (h264("4d001f"), h264("64001f")),
        (h264("640c1f"), h264("64001f")),
        (h264("42e01f", "1"), h264("42e01f", "0")),
        (h264("42e01f", "1"), h264("42e01f")),
        (h264("42"), h264("42e01f")),
        (video("VP9", 98, profile_id="2"), video("VP9", 98)),
    ],
)
def test_a_stream_of_another_codec_is_not_taken(one: Codec, other: Codec) -> None:
    assert not same_codec(one, other)
    assert not same_codec(other, one)


def test_rtx_stays_where_both_repair_the_codec() -> None:
    theirs = (video("VP8", 120), video("rtx", 121, apt="120"))
    assert names(shared_codecs(theirs, (VP8, RTX))) == [(120, "VP8"), (121, "rtx")]
    assert names(shared_codecs(theirs, (VP8,))) == [(120, "VP8")]
    assert names(shared_codecs((VP8,), theirs)) == [(96, "VP8")]


def test_rtx_of_a_codec_that_is_not_shared_goes_with_it() -> None:
    theirs = (video("AV1", 45), video("rtx", 46, apt="45"), video("VP8", 96))
    assert names(shared_codecs(theirs, (VP8, RTX))) == [(96, "VP8")]


def test_rtx_alone_is_nothing_to_share() -> None:
    assert shared_codecs((RTX,), (VP8, RTX)) == ()


def test_feedback_is_what_both_have() -> None:
    theirs = Codec(
        kind=MediaKind.VIDEO,
        name="VP8",
        payload_type=96,
        clock_rate=90000,
        feedback=(Feedback("ccm", "fir"), Feedback("nack", "pli")),
    )
    assert shared_codecs((theirs,), (VP8,))[0].feedback == (Feedback("nack", "pli"),)


def test_an_answer_has_their_numbers_and_order_and_our_parameters() -> None:
    offered = (
        video("H264", 102, packetization_mode="1", profile_level_id="42e034"),
        video("rtx", 103, apt="102"),
        video("VP8", 120),
    )
    answered = answered_codecs((VP8, RTX, H264, video("rtx", 99, apt="98")), offered)
    assert names(answered) == [(102, "H264"), (103, "rtx"), (120, "VP8")]
    assert answered[0].parameter("profile-level-id") == "42e01f"
    assert answered[1].apt == 102


def test_preferences_choose_and_order_with_their_rtx() -> None:
    repair = video("rtx", 99, apt="98")
    ours = (VP8, RTX, H264, repair)
    assert preferred(ours, ()) == ours
    assert preferred(ours, ["video/h264", "video/VP8"]) == (H264, repair, VP8, RTX)
    assert preferred(ours, ["video/H264", "video/H264"]) == (H264, repair)


def test_codecs_take_the_order_of_a_section_and_new_ones_follow() -> None:
    section = media("video 9 UDP/TLS/RTP/SAVPF 98 97")
    assert in_order_of(section, (VP8, RTX, H264)) == (H264, RTX, VP8)


def test_lines_can_be_read_again() -> None:
    codecs = (VP8, RTX, H264)
    section = media("video 9 UDP/TLS/RTP/SAVPF 96 97 98").with_lines(*codec_lines(codecs))
    assert described_codecs(section, MediaKind.VIDEO) == codecs


def test_rtpmap_of_one_channel_has_no_channel_count() -> None:
    assert [line.text for line in codec_lines((PCMU,))] == ["a=rtpmap:0 PCMU/8000"]


def test_extensions_keep_the_ids_of_the_offer() -> None:
    theirs = [HeaderExtension(7, MID.uri), HeaderExtension(8, "urn:other")]
    assert common_extensions((MID, LEVEL), theirs) == (HeaderExtension(7, MID.uri),)


@pytest.mark.parametrize(
    "theirs",
    [
        [HeaderExtension(4096, MID.uri)],
        [HeaderExtension(4, LEVEL.uri), HeaderExtension(4, MID.uri)],
    ],
    ids=["an id that waits for one", "an id that is taken"],
)
def test_an_extension_without_an_id_of_its_own_is_left_out(theirs: list[HeaderExtension]) -> None:
    assert MID.uri not in {item.uri for item in common_extensions((MID, LEVEL), theirs)}


def test_an_extension_that_is_offered_twice_is_answered_once() -> None:
    theirs = [HeaderExtension(4, MID.uri), HeaderExtension(5, MID.uri)]
    assert common_extensions((MID,), theirs) == (HeaderExtension(4, MID.uri),)


def test_codec_that_carries_no_media_is_never_first() -> None:
    tones = audio("telephone-event", 101)
    assert media_first((tones, OPUS, PCMU)) == (OPUS, PCMU, tones)
    assert media_first((RTX, VP8)) == (VP8, RTX)
    assert media_first((tones,)) == ()


def test_codecs_that_we_only_decode_are_offered_where_we_do_not_send() -> None:
    capabilities = RtpCapabilities((VP8,), (MID,), receive_only=(H264,))
    assert offered_codecs(capabilities, MediaDirection.RECVONLY) == (VP8, H264)
    assert offered_codecs(capabilities, MediaDirection.INACTIVE) == (VP8, H264)
    assert offered_codecs(capabilities, MediaDirection.SENDRECV) == (VP8,)
    assert offered_codecs(capabilities, MediaDirection.SENDONLY) == (VP8,)


def test_the_profiles_of_av1_are_different_codecs() -> None:
    assert not same_codec(video("AV1", 45), video("AV1", 45, profile="1"))


def test_sent_rids_are_read() -> None:
    section = media(
        "video 9 UDP/TLS/RTP/SAVPF 96", "rid:hi send", "rid:lo send max-width=640", "rid:x recv"
    )
    assert section.sent_rids == ("hi", "lo")
    assert media("application 9 UDP/DTLS/SCTP x", "rid:hi send").sent_rids == ()


def answering(offer: SessionDescription) -> OfferAnswer:
    """An end that has answered."""
    end = OfferAnswer(profile(2))
    set_remote(end, offer)
    set_local(end)
    return end


def video_offer(*edits: tuple[str, str]) -> SessionDescription:
    """An offer of video, with other numbers."""
    end = OfferAnswer(profile(1))
    add_track(end, "video")
    return edited(offer_of(end), *edits)


def numbers(sdp: Sdp, index: int = 0) -> dict[str, int]:
    section = sdp.media[index]
    assert section.kind is not None
    return {c.name: c.payload_type for c in described_codecs(section, section.kind)}


def test_fresh_session_keeps_our_own_payload_types() -> None:
    plan = PayloadTypeAllocator(Session(id=1, fingerprints=()))
    assert plan.codecs((VP8, RTX)) == (VP8, RTX)
    assert plan.extensions((MID, SEND_TIME)) == (MID, SEND_TIME)


def test_two_codecs_of_ours_never_share_a_number() -> None:
    plan = PayloadTypeAllocator(Session(id=1, fingerprints=()))
    (first,) = plan.codecs((VP8,))
    (second,) = plan.codecs((video("H264", first.payload_type),))
    assert second.payload_type != first.payload_type


def test_a_codec_keeps_its_number_in_every_section() -> None:
    plan = PayloadTypeAllocator(Session(id=1, fingerprints=()))
    assert plan.codecs((VP8, RTX)) == plan.codecs((VP8, RTX))


def test_rtx_follows_the_codec_to_another_number() -> None:
    end = answering(
        video_offer(
            (" 96 97 ", " 120 121 "), (":96 ", ":120 "), (":97 ", ":121 "), ("apt=96", "apt=120")
        )
    )
    codecs = PayloadTypeAllocator(end.session).codecs((VP8, RTX))
    assert [(c.name, c.payload_type, c.apt) for c in codecs] == [
        ("VP8", 120, None),
        ("rtx", 121, 120),
    ]


def test_a_later_offer_speaks_in_the_numbers_of_the_peer() -> None:
    left, right = pair()
    left.profile = profile(1, capabilities=renumbered({96: 110, 97: 111, 98: 96, 99: 97}))
    add(left, "video")
    exchange(left, right)
    add_track(right, "video")
    offer = Sdp.parse(right.create_offer().sdp)
    assert numbers(offer) == {"VP8": 110, "H264": 96, "rtx": 97}
    assert numbers(offer, 1) == numbers(offer)


def test_a_number_that_the_peer_uses_for_something_else_is_not_ours() -> None:
    left, right = pair()
    left.profile = profile(
        1,
        capabilities={
            MediaKind.VIDEO: RtpCapabilities(
                (video("AV1", 98), VP8), (HeaderExtension(3, "urn:other"), MID)
            )
        },
    )
    add(left, "video")
    exchange(left, right)
    right.change_transceiver(0, extensions=EVERY_EXTENSION)
    offer = Sdp.parse(right.create_offer().sdp)
    assert numbers(offer)["VP8"] == 96
    assert numbers(offer)["H264"] not in (96, 98)
    extensions = {item.uri: item.id for item in offer.media[0].extmaps}
    assert extensions[MID.uri] == 1
    assert extensions[SEND_TIME.uri] not in (1, 3)


def renumbered(numbers: dict[int, int]) -> dict[MediaKind, RtpCapabilities]:
    """Our video with other payload types."""

    def moved(codec: Codec) -> Codec:
        number = numbers[codec.payload_type]
        if codec.is_rtx:
            assert codec.apt is not None
            return video("rtx", number, apt=str(numbers[codec.apt]))
        return Codec(
            kind=codec.kind,
            name=codec.name,
            payload_type=number,
            clock_rate=codec.clock_rate,
            parameters=codec.parameters,
            feedback=codec.feedback,
        )

    known = profile(0).capabilities[MediaKind.VIDEO]
    return {MediaKind.VIDEO: RtpCapabilities(tuple(map(moved, known.codecs)), known.extensions)}


@pytest.mark.parametrize("turns", range(3))
def test_numbers_stay_whoever_offers_next(turns: int) -> None:
    left, right = pair()
    add_track(left, "video")
    add_track(left, "audio")
    first, _ = exchange(left, right)
    for turn in range(turns):
        offerer, answerer = (right, left) if turn % 2 == 0 else (left, right)
        add_track(offerer, "video")
        later, answer = exchange(offerer, answerer)
        assert numbers(later) == numbers(answer) == numbers(first)
        assert later.media[0].extmaps == first.media[0].extmaps
    check_agreement(left, right)


def crowded(kept: str = "") -> SessionDescription:
    """An offer whose audio has a use for every payload type and extension id."""
    rows = [
        *("v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0"),
        f"m=audio 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, NUMBERS))}",
        *("c=IN IP4 0.0.0.0", "a=mid:a", "a=rtcp-mux", "a=setup:actpass"),
        *("a=ice-ufrag:abcd", f"a=ice-pwd:{'p' * 22}"),
        f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}",
        *(f"a=rtpmap:{n} {'PCMU' if n == 7 else f'x{n}'}/8000" for n in NUMBERS),
        *(f"a=extmap:{n} urn:x:{n}" for n in range(1, 15)),
        *([kept] if kept else []),
    ]
    return SessionDescription("".join(f"{row}\r\n" for row in rows), SdpType.OFFER)


def test_a_peer_that_has_taken_every_number_gets_an_offer_of_what_is_shared() -> None:
    end = answering(crowded())
    (section,) = Sdp.parse(end.create_offer().sdp).media
    assert section.media_line.formats == ("7",)
    assert section.extmaps == ()


def test_codec_without_a_free_payload_type_is_not_offered() -> None:
    end = answering(crowded())
    add_track(end, "video")
    before = end.session
    with pytest.raises(InvalidStateError, match="no payload type for video"):
        end.create_offer()
    assert end.session is before


def test_the_last_number_goes_to_the_codec_that_comes_first() -> None:
    offer = edited(crowded(), (" 119 120", " 120"), ("a=rtpmap:119 x119/8000\r\n", ""))
    (section,) = Sdp.parse(answering(offer).create_offer().sdp).media
    assert section.media_line.formats == ("7", "119")
    assert [codec.name for codec in described_codecs(section, MediaKind.AUDIO)] == ["PCMU", "opus"]


def test_the_first_meaning_of_a_number_counts() -> None:
    assert H264.payload_type == 98
    plan = PayloadTypeAllocator(answering(video_offer()).session)
    assert {c.payload_type for c in plan.codecs((H264,))} == {98}


NACK, REPORTS = Feedback("nack"), Feedback("transport-cc")


def test_nack_for_sound_is_answered_where_our_offer_names_it_and_the_answer_does_not() -> None:
    ours = (replace(OPUS, feedback=(NACK, REPORTS)), PCMU)
    theirs = (replace(OPUS, payload_type=96, feedback=(REPORTS,)), PCMU)
    shared = shared_codecs(theirs, ours)
    assert [each.feedback for each in shared] == [(REPORTS,), ()]
    sent = answering_nack(shared, ours)
    assert [each.feedback for each in sent] == [(NACK, REPORTS), ()]
    assert sent[0].payload_type == 96
    # Once, where both name it.
    assert answering_nack(sent, ours) == sent


@pytest.mark.parametrize("named", [(True, True), (True, False), (False, True)])
def test_lost_sound_is_asked_for_only_of_a_peer_that_names_nack(named: tuple[bool, bool]) -> None:
    profiles = []
    for seed, names in enumerate(named):
        opus = replace(OPUS, feedback=(NACK,) if names else ())
        capabilities = {MediaKind.AUDIO: RtpCapabilities(codecs=(opus,), extensions=(MID,))}
        profiles.append(profile(seed, capabilities=capabilities))
    left, right = (OfferAnswer(each) for each in profiles)
    add(left, MediaKind.AUDIO)
    exchange(left, right)
    agreed = [each.session.transceivers[0].agreement for each in (left, right)]
    assert None not in agreed
    asks = [NACK in each.receive[0].feedback for each in agreed if each is not None]
    answers = [NACK in each.send[0].feedback for each in agreed if each is not None]
    assert asks == [all(named)] * 2
    # An answer of ours names it only where the offer does.
    assert answers == [named[0], all(named)]


def test_m_sections_with_the_same_codecs_share_them() -> None:
    """A description of a hundred m-sections has them a hundred times."""
    one, other = (
        media("audio 9 UDP/TLS/RTP/SAVPF 111 0", "rtpmap:111 opus/48000/2", "rtcp-fb:111 nack")
        for _ in range(2)
    )
    assert one is not other
    codecs = described_codecs(one, MediaKind.AUDIO)
    assert [codec.name for codec in codecs] == ["opus", "PCMU"]
    assert described_codecs(other, MediaKind.AUDIO) is codecs
    assert shared_codecs(codecs, codecs) is shared_codecs(codecs, codecs)
    assert codec_lines(codecs) is codec_lines(codecs)
    changed = media("audio 9 UDP/TLS/RTP/SAVPF 111 0", "rtpmap:111 opus/48000/2")
    assert described_codecs(changed, MediaKind.AUDIO) != codecs
