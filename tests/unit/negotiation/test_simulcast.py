"""Negotiation of simulcast to receive (RFC 8853, RFC 8851), as browsers offer it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer.descriptions import SdpType, SessionDescription
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.sdp.simulcast import Rid, RidDirection, Simulcast
from peer.negotiation.simulcast import LAYER_LIMIT
from peer.rtp.capabilities import capabilities
from peer.rtp_parameters import MediaKind
from tests.support.negotiation.offer_answer import (
    add_track,
    answer_of,
    edited,
    exchange,
    offer_of,
    profile,
    set_remote,
)
from tests.support.negotiation.sessions import check_session

if TYPE_CHECKING:
    from peer.negotiation.session import Agreement

ABLE = {kind: capabilities(kind) for kind in MediaKind}
RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
#: An m-section as Chromium 156 offers it, with three encodings.
CHROMIUM = """v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
m={media} 9 UDP/TLS/RTP/SAVPF 96 97 98
c=IN IP4 0.0.0.0
a=mid:0
a=sendrecv
a=rtcp-mux
a=setup:actpass
a=ice-ufrag:abcd
a=ice-pwd:pppppppppppppppppppppp
a=fingerprint:sha-256 {fingerprint}
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:10 {uri}
a=rtpmap:96 VP8/90000
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:98 SUPER/90000
{lines}
"""
RIDS = ("a=rid:q send", "a=rid:h send", "a=rid:f send")
ALL = (*RIDS, "a=simulcast:send q;h;f")


def chromium(*lines: str, media: str = "video", uri: str = RID_URI) -> SessionDescription:
    text = CHROMIUM.format(
        media=media, uri=uri, lines="\n".join(lines), fingerprint=":".join(["AB"] * 32)
    )
    return SessionDescription(text.strip().replace("\n", "\r\n") + "\r\n", SdpType.OFFER)


def end(seed: int = 2) -> OfferAnswer:
    return OfferAnswer(profile(seed, capabilities=ABLE))


def said(sdp: str) -> list[str]:
    return [each for each in sdp.splitlines() if each.startswith(("a=rid", "a=simulcast"))]


def answered(offer: SessionDescription) -> tuple[list[str], Agreement]:
    answerer = end()
    set_remote(answerer, offer)
    answer = answer_of(answerer)
    check_session(answerer.session)
    (transceiver,) = answerer.session.transceivers
    assert transceiver.agreement is not None
    return said(answer.sdp), transceiver.agreement


def test_answer_takes_all_encodings_of_an_offer_as_one_track() -> None:
    lines, agreement = answered(chromium(*ALL))
    assert lines == ["a=rid:q recv", "a=rid:h recv", "a=rid:f recv", "a=simulcast:recv q;h;f"]
    assert agreement.simulcast == ("q", "h", "f")


@pytest.mark.parametrize(
    ("lines", "taken"),
    [
        pytest.param((*RIDS, "a=simulcast:send f;h;q"), ("f", "h", "q"), id="their order"),
        pytest.param((*RIDS, "a=simulcast:send ~q;h;~f"), ("q", "h", "f"), id="paused"),
        pytest.param((*RIDS, "a=simulcast:send q,h;f"), ("q", "f"), id="alternatives"),
        pytest.param((*RIDS, "a=simulcast:send x,h;f"), ("h", "f"), id="unknown alternative"),
        pytest.param((*RIDS, "a=simulcast:send q;x;f"), ("q", "f"), id="unknown id"),
        pytest.param((*RIDS, "a=simulcast:send q;q;f"), ("q", "f"), id="an id twice"),
        pytest.param((*ALL, "a=rid:q send max-width=9"), ("q", "h", "f"), id="a rid twice"),
        pytest.param(
            ("a=rid:b recv", *RIDS, "a=simulcast:recv b send q;f"), ("q", "f"), id="both ways"
        ),
        pytest.param((*RIDS, "a=simulcast: send  q;h;f "), ("q", "h", "f"), id="blanks"),
        pytest.param((*RIDS, "a=simulcast:send q"), (), id="one encoding"),
        pytest.param((*RIDS, "a=simulcast:recv q;h;f"), (), id="they receive"),
        pytest.param((*RIDS, "a=simulcast:send"), (), id="no list"),
        pytest.param((*RIDS, "a=simulcast:send q;;f"), (), id="an empty id"),
        pytest.param((*RIDS, "a=simulcast:send rid=q;h"), (), id="the form of 2016"),
        pytest.param((*RIDS, "a=simulcast:send q;h", "a=simulcast:send f;h"), (), id="two lines"),
        pytest.param(RIDS, (), id="rids alone"),
        pytest.param(("a=simulcast:send q;h",), (), id="no rids"),
        pytest.param(("a=rid:q sends", "a=rid:h send", ALL[-1]), (), id="a rid of no direction"),
    ],
)
def test_answer_takes_encodings_as_far_as_they_can_be_read(
    lines: tuple[str, ...], taken: tuple[str, ...]
) -> None:
    found, agreement = answered(chromium(*lines))
    assert agreement.simulcast == taken
    assert [each for each in found if each.startswith("a=simulcast")] == (
        [f"a=simulcast:recv {';'.join(taken)}"] if taken else []
    )


def test_encodings_in_codecs_that_we_lack_are_left_out_and_restrictions_kept() -> None:
    found, _ = answered(
        chromium(
            "a=rid:a send pt=98",
            "a=rid:b send pt=96,98;max-width=320;max-fps=15",
            "a=rid:c send max-width=640",
            "a=simulcast:send a;b;c",
        )
    )
    assert found == [
        "a=rid:b recv pt=96;max-width=320;max-fps=15",
        "a=rid:c recv max-width=640",
        "a=simulcast:recv b;c",
    ]


def test_encodings_cannot_be_told_apart_without_the_rid_extension() -> None:
    found, agreement = answered(chromium(*ALL, uri="urn:example:other"))
    assert (found, agreement.simulcast) == ([], ())


def test_number_of_encodings_is_bounded() -> None:
    names = [f"r{index}" for index in range(40)]
    rids = [f"a=rid:{name} send" for name in names]
    _, agreement = answered(chromium(*rids, f"a=simulcast:send {';'.join(names)}"))
    assert agreement.simulcast == tuple(names[:LAYER_LIMIT])


def test_encodings_named_by_ssrcs_are_known() -> None:
    _, agreement = answered(
        chromium(
            *("a=ssrc-group:SIM 11 12 13", "a=ssrc-group:FID 11 21", "a=ssrc:11 cname:x"),
            *("a=ssrc:12 cname:x", "a=ssrc:13 cname:x", "a=ssrc:21 cname:x"),
        )
    )
    assert agreement.simulcast_ssrcs == (11, 12, 13)
    assert agreement.rtx == ((21, 11),)


def test_our_later_offer_goes_on_with_the_encodings() -> None:
    answerer = end()
    set_remote(answerer, chromium(*ALL))
    answer_of(answerer)
    offer = offer_of(answerer)
    lines = ["a=rid:q recv", "a=rid:h recv", "a=rid:f recv", "a=simulcast:recv q;h;f"]
    assert said(offer.sdp) == lines
    (section,) = Sdp.parse(offer.sdp).media
    assert {each.uri for each in section.extmaps} >= {RID_URI}


def test_calls_between_our_own_ends_have_no_simulcast() -> None:
    one, other = end(1), end(2)
    add_track(one, MediaKind.VIDEO)
    exchange(one, other)
    assert said(edited(offer_of(one)).sdp) == []


def test_rids_and_simulcast_are_written_as_they_were_read() -> None:
    text = "hi send pt=97,98;max-width=1280;max-fps=30"
    assert str(Rid.parse(text)) == text
    assert Rid.parse("hi  recv").direction is RidDirection.RECV
    read = Simulcast.parse("recv a send b,~c;d")
    assert read == Simulcast((("b", "c"), ("d",)), (("a",),), frozenset("c"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "id and a direction"),
        ("a", "id and a direction"),
        ("a both", "send or recv"),
        ("ü send", "is no rid"),
        ("a send pt=x", "payload type"),
        (f"{'a' * 256} send", "is no rid"),
    ],
)
def test_rid_that_cannot_be_read_is_told(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Rid.parse(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "one list"),
        ("send", "one list"),
        ("send a send b", "one list"),
        ("both a", "send or recv"),
        ("send a recv", "one list"),
        ("send é", "is no rid"),
    ],
)
def test_simulcast_that_cannot_be_read_is_told(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Simulcast.parse(text)
