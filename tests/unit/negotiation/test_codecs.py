from __future__ import annotations

import pytest

from peer.negotiation.codecs import (
    answered_codecs,
    codec_lines,
    common_extensions,
    described_codecs,
    in_order_of,
    media_first,
    offered_codecs,
    preferred,
    same_codec,
    shared_codecs,
)
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.sdp.lines import Line
from peer.negotiation.sdp.sections import MediaSection
from peer.rtp_parameters import Codec, Feedback, HeaderExtension, MediaKind, RtpCapabilities
from tests.support.negotiation.offer_answer import H264, LEVEL, MID, OPUS, PCMU, VP8, audio, video

RTX = video("rtx", 97, apt="96")


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
