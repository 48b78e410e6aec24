from __future__ import annotations

import pytest

from peer.configuration import BundlePolicy
from peer.descriptions import SdpType, SessionDescription
from peer.negotiation.attributes import Direction
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp import Sdp
from peer.negotiation.state import Side
from peer.rtp_parameters import MediaKind, RtpCapabilities
from tests.support.negotiation.offer_answer import (
    MID,
    add_track,
    an_offer,
    answer_of,
    answer_to,
    described,
    edited,
    exchange,
    offer_of,
    pair,
    profile,
    rejected,
    set_remote,
    video,
)
from tests.support.negotiation.sessions import check_agreement


def test_an_unknown_codec() -> None:
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
        "m=audio 9 RTP/AVP 0",
        "m=video 9 udp 96",
    ],
)
def test_an_unknown_kind_of_media(line: str) -> None:
    offer = an_offer("audio", "video")
    strange = f"{line}\r\nc=IN IP4 0.0.0.0\r\na=mid:x\r\n"
    answer, _ = answer_to(SessionDescription(offer.sdp + strange, SdpType.OFFER))
    assert rejected(answer) == [False, False, True]
    assert answer.media[2].media_line.media == line.split("=")[1].split()[0]
    assert answer.media[2].mid == "x"


def test_a_second_section_of_data() -> None:
    offer = an_offer("data")
    second = offer.sdp[offer.sdp.index("m=") :].replace("a=mid:0", "a=mid:1")
    text = offer.sdp.replace("BUNDLE 0", "BUNDLE 0 1") + second
    answer, _ = answer_to(SessionDescription(text, SdpType.OFFER))
    assert rejected(answer) == [False, True]


def test_what_was_rejected_in_the_offer() -> None:
    offer = edited(
        an_offer("audio", "video"), ("m=video 9", "m=video 0"), ("BUNDLE 0 1", "BUNDLE 0")
    )
    answer, end = answer_to(offer)
    assert rejected(answer) == [False, True]
    assert [t.mid for t in end.session.transceivers] == ["0"]


def test_what_has_no_name_and_is_rejected_anyway() -> None:
    offer = an_offer("audio")
    nameless = "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n"
    answer, _ = answer_to(SessionDescription(offer.sdp + nameless, SdpType.OFFER))
    assert rejected(answer) == [False, True]
    assert answer.media[1].mid is None


def test_what_has_no_address_because_it_is_in_no_group() -> None:
    offer = edited(an_offer("audio", "audio"), ("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"))
    assert rejected(answer_to(offer)[0]) == [False, True]


def test_everything() -> None:
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
def test_what_the_policy_gives_no_transport(policy: BundlePolicy, taken: list[bool]) -> None:
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
    assert answer.media[0].direction is Direction.INACTIVE
    assert not answer.media[0].rejected
    set_remote(left, described(right, Side.LOCAL))
    assert right.negotiation_needed
    later, _ = exchange(right, left)
    assert rejected(later) == [True, False]
    check_agreement(left, right)
