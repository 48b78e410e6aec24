from __future__ import annotations

import pytest

from peer.descriptions import SdpType, SessionDescription
from peer.errors import InvalidStateError
from peer.negotiation.codecs import described_codecs
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.payload_types import PayloadTypeAllocator
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.session import Session
from peer.rtp_parameters import Codec, HeaderExtension, MediaKind, RtpCapabilities
from tests.support.negotiation.offer_answer import (
    H264,
    MID,
    SEND_TIME,
    VP8,
    add,
    add_track,
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
        f"m=audio 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, range(128)))}",
        *("c=IN IP4 0.0.0.0", "a=mid:a", "a=rtcp-mux", "a=setup:actpass"),
        *("a=ice-ufrag:abcd", f"a=ice-pwd:{'p' * 22}"),
        f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}",
        *(f"a=rtpmap:{n} {'PCMU' if n == 7 else f'x{n}'}/8000" for n in range(128)),
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
