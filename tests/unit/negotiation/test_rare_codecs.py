"""Codecs that we offer to nobody, and take where a peer has no other one."""

from __future__ import annotations

import pytest

from peer.descriptions import SdpType, SessionDescription
from peer.errors import InvalidAccessError
from peer.negotiation.codecs import described_codecs
from peer.negotiation.decisions import decisions
from peer.negotiation.effects import ConfigureRtp
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import Side
from peer.rtp.capabilities import capabilities
from peer.rtp_parameters import Codec, MediaKind
from peer.times import UnixTime
from peer.tracing.events import SendingWithheld
from tests.support.negotiation.offer_answer import (
    add,
    add_track,
    answer_of,
    described,
    exchange,
    offer_of,
    profile,
    rejected,
    set_local,
    set_remote,
    transceiver,
)
from tests.support.negotiation.sessions import check_session

SENDRECV, RECVONLY = MediaDirection.SENDRECV, MediaDirection.RECVONLY
VIDEO = MediaKind.VIDEO
ABLE = {kind: capabilities(kind) for kind in MediaKind}
HIGH_MODE_0 = "packetization-mode=0;profile-level-id=640028"


def end(seed: int = 2) -> OfferAnswer:
    return OfferAnswer(profile(seed, capabilities=ABLE))


def lone(
    *codecs: tuple[str, str | None], direction: str = "sendrecv", extra: str = ""
) -> SessionDescription:
    """An offer of video in these codecs, each with its fmtp, from payload type 96 on."""
    numbered = list(enumerate(codecs, 96))
    rows = [
        *("v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0"),
        f"m=video 9 UDP/TLS/RTP/SAVPF {' '.join(str(n) for n, _ in numbered)}{extra and ' 120'}",
        *("c=IN IP4 0.0.0.0", "a=mid:v", f"a={direction}", "a=rtcp-mux", "a=setup:actpass"),
        *("a=ice-ufrag:abcd", f"a=ice-pwd:{'p' * 22}"),
        f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}",
        *(f"a=rtpmap:{n} {name}/90000" for n, (name, _) in numbered),
        *(f"a=fmtp:{n} {fmtp}" for n, (_, fmtp) in numbered if fmtp is not None),
        *(("a=rtpmap:120 rtx/90000", f"a=fmtp:120 {extra}") if extra else ()),
    ]
    return SessionDescription("".join(f"{row}\r\n" for row in rows), SdpType.OFFER)


def answered(offer: SessionDescription, answerer: OfferAnswer | None = None) -> Sdp:
    answerer = answerer or end()
    set_remote(answerer, offer)
    answer = Sdp.parse(answer_of(answerer).sdp)
    check_session(answerer.session)
    return answer


def media(sdp: Sdp) -> list[Codec]:
    return [c for c in described_codecs(sdp.media[0], VIDEO) if not c.is_auxiliary]


@pytest.mark.parametrize(
    ("fmtp", "mode", "profile_level_id"),
    [
        (None, "0", "42e01f"),
        ("profile-level-id=42e00a", "0", "42e00a"),
        ("packetization-mode=0;profile-level-id=42e034;level-asymmetry-allowed=1", "0", "42e01f"),
        ("packetization-mode=0;profile-level-id=42001f", "0", "42001f"),
        ("packetization-mode=1;profile-level-id=4d0028", "1", "4d0028"),
        ("packetization-mode=1;profile-level-id=4d4028;level-asymmetry-allowed=1", "1", "4d4034"),
        (HIGH_MODE_0, "0", "640028"),
        ("profile-level-id=640c1f;packetization-mode=1", "1", "640c1f"),
        ("profile-level-id=640009;packetization-mode=1", "1", "640009"),
        # Offered to us in one of its other names, that a literal peer wants to read again.
        ("profile-level-id=4d8028;packetization-mode=1;level-asymmetry-allowed=1", "1", "4d801f"),
        ("profile-level-id=42f00b;packetization-mode=1", "1", "42f00b"),
    ],
)
@pytest.mark.parametrize("has_track", [False, True])
def test_h264_alone_is_answered_in_the_profile_and_mode_of_the_offer(
    fmtp: str | None, mode: str, profile_level_id: str, has_track: bool
) -> None:
    answerer = end()
    if has_track:
        add_track(answerer, "video")
    answer = answered(lone(("H264", fmtp)), answerer)
    (codec,) = media(answer)
    assert codec.payload_type == 96
    assert codec.parameter("packetization-mode") == mode
    assert codec.parameter("profile-level-id") == profile_level_id
    assert answer.direction(answer.media[0]) is (SENDRECV if has_track else RECVONLY)


@pytest.mark.parametrize(
    ("name", "fmtp"),
    [
        ("VP9", "profile-id=2"),
        ("VP9", "profile-id=1"),
        ("AV1", "profile=1"),
        ("H264", "packetization-mode=1;profile-level-id=6e0028"),
        ("H264", "packetization-mode=0;profile-level-id=f40028"),
        ("H265", None),
        ("H265", "profile-id=2;tier-flag=0;level-id=120;tx-mode=SRST"),
        ("h265", "level-id=150;profile-id=4;sprop-max-don-diff=0"),
    ],
)
def test_codec_that_is_only_decoded_here_is_received_and_keeps_our_track_unsent(
    name: str, fmtp: str | None
) -> None:
    for track in (False, True):
        answerer = end()
        if track:
            add_track(answerer, "video")
        answer = answered(lone((name, fmtp), extra="apt=96"), answerer)
        assert [codec.name for codec in described_codecs(answer.media[0], VIDEO)] == [name, "rtx"]
        assert answer.direction(answer.media[0]) is RECVONLY
        # Nothing is missing that another offer could bring.
        assert not answerer.negotiation_needed
        assert transceiver(answerer, 0).current_direction is RECVONLY


@pytest.mark.parametrize(
    ("name", "fmtp"),
    [
        ("H264", "packetization-mode=2;profile-level-id=42e01f"),
        ("H264", "packetization-mode=1;profile-level-id=zz"),
        ("H264", "packetization-mode=1;profile-level-id=58001f"),
        ("VP9", "profile-id=4"),
        ("H265", "profile-id=5"),
        ("H265", "profile-id=1;tx-mode=MRST"),
        # Its packets have decoding order numbers (RFC 7798 section 4.4.2).
        ("H265", "profile-id=1;sprop-max-don-diff=2"),
        ("H266", None),
    ],
)
def test_format_that_cannot_be_read_here_is_rejected_alone(name: str, fmtp: str | None) -> None:
    assert rejected(answered(lone((name, fmtp)))) == [True]


def test_answer_has_the_format_of_h265_as_offered_and_nothing_that_is_of_the_sender() -> None:
    fmtp = "profile-id=2;tier-flag=1;level-id=150;tx-mode=SRST;sprop-vps=QAEMAf//;max-br=900"
    (codec,) = media(answered(lone(("H265", fmtp))))
    assert codec.parameters == (
        *(("profile-id", "2"), ("tier-flag", "1"), ("level-id", "150")),
        ("tx-mode", "SRST"),
    )


def test_h265_that_is_named_is_offered_alone_with_numbers_of_its_own() -> None:
    offerer = end(1)
    key = add_track(offerer, "video").key
    offerer.change_transceiver(key, preferences=["video/h265"])
    offer = Sdp.parse(offerer.create_offer().sdp)
    codecs = described_codecs(offer.media[0], VIDEO)
    assert {codec.name for codec in codecs} == {"H265", "rtx"}
    assert [codec.parameter("profile-id") for codec in media(offer)] == ["1", "2", "4"]
    assert len({codec.payload_type for codec in codecs}) == len(codecs) == 6
    assert offer.direction(offer.media[0]) is SENDRECV


def test_codec_that_is_only_decoded_is_not_taken_from_a_peer_that_only_receives() -> None:
    answerer = end()
    add_track(answerer, "video")
    assert rejected(answered(lone(("VP9", "profile-id=2"), direction="recvonly"), answerer)) == [
        True
    ]


def test_peer_that_has_what_we_offer_gets_an_answer_of_it_alone() -> None:
    offer = lone(("VP9", "profile-id=2"), ("H264", HIGH_MODE_0), ("VP8", None))
    assert [codec.name for codec in media(answered(offer))] == ["VP8"]


def test_codec_that_can_be_sent_wins_over_one_that_cannot() -> None:
    answerer = end()
    add_track(answerer, "video")
    answer = answered(lone(("VP9", "profile-id=2"), ("H264", HIGH_MODE_0)), answerer)
    assert [codec.name for codec in media(answer)] == ["H264"]
    assert answer.direction(answer.media[0]) is SENDRECV


def test_our_offers_name_no_rare_codec() -> None:
    offerer = end(1)
    add_track(offerer, "video")
    add(offerer, "video", RECVONLY)
    for section in Sdp.parse(offerer.create_offer().sdp).media:
        described_here = described_codecs(section, VIDEO)
        assert len(described_here) == 14
        assert {c.parameter("packetization-mode") for c in described_here} <= {None, "1"}
        assert {c.parameter("profile-id") for c in described_here} <= {None, "0"}


def test_rare_codec_stays_agreed_through_our_own_offers() -> None:
    ends = [OfferAnswer(profile(seed, capabilities=ABLE)) for seed in (1, 2)]
    answerer = ends[1]
    add_track(answerer, "video")
    set_remote(answerer, lone(("VP9", "profile-id=2"), extra="apt=96"))
    set_local(answerer)
    before = transceiver(answerer, 0).agreement
    offer = Sdp.parse(offer_of(answerer).sdp)
    codecs = described_codecs(offer.media[0], VIDEO)
    # In the order of the last answer, with its numbers.
    assert [(c.name, c.payload_type, c.apt) for c in codecs[:2]] == [
        ("VP9", 96, None),
        ("rtx", 120, 96),
    ]
    assert codecs[0].parameter("profile-id") == "2"
    assert len({codec.payload_type for codec in codecs}) == len(codecs) == 16
    assert offer.direction(offer.media[0]) is RECVONLY
    answer = SessionDescription(
        lone(("VP9", "profile-id=2"), direction="sendonly", extra="apt=96").sdp.replace(
            "setup:actpass", "setup:passive"
        ),
        SdpType.ANSWER,
    )
    set_remote(answerer, answer)
    assert transceiver(answerer, 0).agreement == before
    assert not answerer.negotiation_needed


def test_peer_that_later_offers_a_codec_of_ours_gets_our_track() -> None:
    answerer = end()
    add_track(answerer, "video")
    answered(lone(("VP9", "profile-id=2")), answerer)
    answer = answered(lone(("VP9", "profile-id=2"), ("VP8", None)), answerer)
    assert [codec.name for codec in media(answer)] == ["VP8"]
    assert answer.direction(answer.media[0]) is SENDRECV
    assert transceiver(answerer, 0).current_direction is SENDRECV


def test_named_codec_is_sent_though_nothing_here_encodes_it() -> None:
    answerer = end()
    key = add_track(answerer, "video").key
    answerer.change_transceiver(key, preferences=["video/VP9"])
    answer = answered(lone(("VP9", "profile-id=2")), answerer)
    assert answer.direction(answer.media[0]) is SENDRECV


def test_preferences_keep_other_rare_codecs_out() -> None:
    answerer = end()
    key = add_track(answerer, "video").key
    answerer.change_transceiver(key, preferences=["video/VP8"])
    assert rejected(answered(lone(("H264", HIGH_MODE_0)), answerer)) == [True]


def test_two_of_our_own_agree_on_what_both_offer() -> None:
    left, right = end(1), end(2)
    add_track(left, "video")
    add_track(right, "video")
    _, answer = exchange(left, right)
    assert [codec.name for codec in media(answer)] == [
        *("VP8", "H264", "H264", "VP9", "AV1"),
        *("H264", "H264"),
    ]
    profiles = [codec.parameter("profile-level-id") for codec in media(answer)]
    # Main and High come last, at the level that our decoders bear.
    assert profiles[-2:] == ["4d0034", "640034"]


def test_parameter_sets_of_the_peer_are_for_receiving_and_in_no_description_of_ours() -> None:
    answerer = end()
    fmtp = "packetization-mode=0;profile-level-id=640028;sprop-parameter-sets=Z0IA,aM4g"
    set_remote(answerer, lone(("H264", fmtp)))
    effects = set_local(answerer)
    (configured,) = [each for each in effects if isinstance(each, ConfigureRtp)]
    assert configured.receive is not None
    (codec,) = configured.receive.codecs
    assert codec.parameter("sprop-parameter-sets") == "Z0IA,aM4g"
    assert codec.parameter("level-asymmetry-allowed") == "1"
    for text in (described(answerer, Side.LOCAL).sdp, answerer.create_offer().sdp):
        assert "packetization-mode=0" in text
        assert "sprop" not in text


@pytest.mark.parametrize("with_sets", [0, 1])
def test_parameter_sets_are_found_where_one_of_several_payload_types_of_a_format_has_them(
    with_sets: int,
) -> None:
    answerer = end()
    fmtp = "packetization-mode=1;profile-level-id=42e01f"
    forms = [("H264", fmtp), ("H264", fmtp)]
    forms[with_sets] = ("H264", fmtp + ";sprop-parameter-sets=Z0IA,aM4g")
    set_remote(answerer, lone(*forms, direction="sendonly"))
    (configured,) = [each for each in set_local(answerer) if isinstance(each, ConfigureRtp)]
    assert configured.receive is not None
    codecs = configured.receive.codecs
    assert [codec.parameter("sprop-parameter-sets") for codec in codecs] == ["Z0IA,aM4g"] * 2


def test_each_payload_type_of_a_format_has_its_own_parameter_sets() -> None:
    answerer = end()
    fmtp = "packetization-mode=1;profile-level-id=42e01f;sprop-parameter-sets="
    set_remote(
        answerer,
        lone(("H264", f"{fmtp}Z0IA,aM4g"), ("H264", f"{fmtp}Z0IB,aM4h"), direction="sendonly"),
    )
    (configured,) = [each for each in set_local(answerer) if isinstance(each, ConfigureRtp)]
    assert configured.receive is not None
    codecs = configured.receive.codecs
    assert [codec.parameter("sprop-parameter-sets") for codec in codecs] == [
        "Z0IA,aM4g",
        "Z0IB,aM4h",
    ]


def test_track_that_is_not_sent_for_want_of_an_encoder_is_told_once() -> None:
    def told(offer: SessionDescription) -> list[SendingWithheld]:
        set_remote(answerer, offer)
        before = answerer.session
        set_local(answerer)
        events = decisions(before, answerer.session, UnixTime(1.0))
        return [event for event in events if isinstance(event, SendingWithheld)]

    answerer = end()
    add_track(answerer, "video")
    offer = lone(("VP9", "profile-id=2"), extra="apt=96")
    assert told(offer) == [SendingWithheld(time=UnixTime(1.0), mid="v", codecs=("VP9",))]
    assert told(offer) == []
    # A hold is no such thing, and nobody asked for a track of one who has none.
    assert told(lone(("VP8", None))) == []
    assert told(lone(("VP8", None), direction="sendonly")) == []
    answerer = end()
    assert told(offer) == []


@pytest.mark.parametrize(
    ("preference", "name", "fmtp"),
    [
        ("video/VP9;profile-id=2", "VP9", ("profile-id", "2")),
        ("video/h265; profile-id=2", "H265", ("profile-id", "2")),
        (
            "video/H264;packetization-mode=0;profile-level-id=64001f",
            *("H264", ("profile-level-id", "640034")),
        ),
        ("video/AV1;profile=1", "AV1", ("profile", "1")),
        # Also by another name of its profile, and whatever is of the sender alone.
        (
            "video/H264;profile-level-id=4d8028;packetization-mode=1;sprop-parameter-sets=aM4g",
            *("H264", ("profile-level-id", "42e01f")),
        ),
    ],
)
def test_preference_with_parameters_offers_that_format_alone(
    preference: str, name: str, fmtp: tuple[str, str]
) -> None:
    offerer = end(1)
    key = add_track(offerer, "video").key
    offerer.change_transceiver(key, preferences=[preference])
    offer = Sdp.parse(offerer.create_offer().sdp)
    (codec,) = media(offer)
    assert (codec.name, codec.parameter(fmtp[0])) == (name, fmtp[1])
    assert offer.direction(offer.media[0]) is SENDRECV


@pytest.mark.parametrize(
    "preference",
    ["video/VP9;profile-id=7", "video/H264;packetization-mode=2", "video/H265;tx-mode=MRMT"],
)
def test_preference_for_a_format_that_is_not_ours_is_refused(preference: str) -> None:
    offerer = end(1)
    key = add_track(offerer, "video").key
    before = offerer.session
    with pytest.raises(InvalidAccessError, match="no video codec of ours"):
        offerer.change_transceiver(key, preferences=[preference])
    assert offerer.session is before
