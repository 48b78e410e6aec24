"""Negotiation of redundant audio (RFC 2198) and comfort noise (RFC 3389), as with libwebrtc."""

from __future__ import annotations

import pytest

from peer.descriptions import SdpType, SessionDescription
from peer.errors import InvalidModificationError
from peer.negotiation.codecs import described_codecs
from peer.negotiation.offer_answer import OfferAnswer
from peer.negotiation.sdp.description import Sdp
from peer.rtp.capabilities import capabilities
from peer.rtp_parameters import Codec, MediaKind
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

AUDIO = MediaKind.AUDIO
ABLE = {kind: capabilities(kind) for kind in MediaKind}
#: The m-section of audio as Chromium 156 offers it.
CHROMIUM = """v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
m=audio 9 UDP/TLS/RTP/SAVPF {order}
c=IN IP4 0.0.0.0
a=mid:0
a=sendrecv
a=rtcp-mux
a=setup:actpass
a=ice-ufrag:abcd
a=ice-pwd:pppppppppppppppppppppp
a=fingerprint:sha-256 {fingerprint}
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 {red}
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:13 CN/8000
a=rtpmap:126 telephone-event/8000
"""


def chromium(order: str = "111 63 9 0 13 126", red: str = "111/111") -> SessionDescription:
    text = CHROMIUM.format(order=order, red=red, fingerprint=":".join(["AB"] * 32))
    return SessionDescription(text.replace("\n", "\r\n"), SdpType.OFFER)


def end(seed: int = 2) -> OfferAnswer:
    return OfferAnswer(profile(seed, capabilities=ABLE))


def codecs(sdp: Sdp) -> tuple[Codec, ...]:
    return described_codecs(sdp.media[0], AUDIO)


def names(sdp: Sdp) -> list[str]:
    return [codec.name.lower() for codec in codecs(sdp)]


def answered(offer: SessionDescription, answerer: OfferAnswer) -> Sdp:
    set_remote(answerer, offer)
    answer = Sdp.parse(answer_of(answerer).sdp)
    check_session(answerer.session)
    return answer


def redundancy(end: OfferAnswer) -> bool:
    (transceiver,) = end.session.transceivers
    assert transceiver.agreement is not None
    assert transceiver.agreement.send[0].name == "opus"
    return transceiver.agreement.redundancy


def test_red_is_offered_after_opus_whose_payload_type_it_names() -> None:
    offerer = end()
    add_track(offerer, "audio")
    offer = Sdp.parse(offer_of(offerer).sdp)
    assert names(offer)[:2] == ["opus", "red"]
    opus, red = codecs(offer)[:2]
    assert red.redundant == (opus.payload_type, opus.payload_type)
    assert f"a=fmtp:{red.payload_type} {opus.payload_type}/{opus.payload_type}" in str(offer)


def test_two_of_our_ends_agree_on_red_and_send_without_it() -> None:
    offerer, answerer = end(1), end(2)
    add_track(offerer, "audio")
    add_track(answerer, "audio")
    _, answer = exchange(offerer, answerer)
    assert "red" in names(answer)
    assert not redundancy(offerer)
    assert not redundancy(answerer)


def test_red_is_answered_with_the_payload_types_of_the_offer() -> None:
    answerer = end()
    add_track(answerer, "audio")
    answer = answered(chromium(), answerer)
    opus, red = codecs(answer)[:2]
    assert (opus.payload_type, red.payload_type, red.redundant) == (111, 63, (111, 111))
    assert not redundancy(answerer)


def test_offer_that_puts_red_first_is_answered_so_and_sent_so() -> None:
    answerer = end()
    add_track(answerer, "audio")
    answer = answered(chromium("63 111 9 0 13 126"), answerer)
    assert names(answer)[:2] == ["red", "opus"]
    assert redundancy(answerer)


@pytest.mark.parametrize("prefers", ["offerer", "answerer"])
def test_the_end_that_prefers_red_sends_it(prefers: str) -> None:
    offerer, answerer = end(1), end(2)
    ends = {"offerer": offerer, "answerer": answerer}
    keys = {name: add_track(each, "audio").key for name, each in ends.items()}
    ends[prefers].change_transceiver(
        keys[prefers], preferences=["audio/red", "audio/opus", "audio/telephone-event"]
    )
    offer, answer = exchange(offerer, answerer)
    assert names(answer)[:2] == ["red", "opus"]
    assert codecs(answer)[0].redundant == (codecs(answer)[1].payload_type,) * 2
    assert names(offer)[:2] == (["red", "opus"] if prefers == "offerer" else ["opus", "red"])
    assert redundancy(ends[prefers])


def test_red_keeps_its_payload_types_in_later_offers() -> None:
    answerer = end()
    add_track(answerer, "audio")
    answered(chromium(), answerer)
    later = Sdp.parse(offer_of(answerer).sdp)
    red = next(codec for codec in codecs(later) if codec.is_red)
    assert (red.payload_type, red.redundant) == (63, (111, 111))


@pytest.mark.parametrize("red", ["9/9", "120/120", "", "111-111", "//", "99999999999999999999"])
def test_red_of_another_codec_is_not_taken(red: str) -> None:
    answerer = end()
    add_track(answerer, "audio")
    answer = answered(chromium(red=red), answerer)
    assert "red" not in names(answer)
    assert "opus" in names(answer)


def test_preferences_without_red_leave_it_away_and_red_without_its_codec_goes() -> None:
    offerer = end()
    key = add_track(offerer, "audio").key
    offerer.change_transceiver(key, preferences=["audio/opus"])
    assert names(Sdp.parse(offer_of(offerer).sdp)) == ["opus"]
    other = end()
    key = add_track(other, "audio").key
    other.change_transceiver(key, preferences=["audio/red", "audio/PCMU"])
    assert names(Sdp.parse(offer_of(other).sdp)) == ["pcmu"]


@pytest.mark.parametrize(
    "preferences", [["audio/red"], ["audio/telephone-event", "audio/RED"], ["audio/CN"]]
)
def test_preferences_without_a_codec_that_carries_media_are_refused(
    preferences: list[str],
) -> None:
    offerer = end()
    key = add_track(offerer, "audio").key
    before = offerer.session
    with pytest.raises(InvalidModificationError, match="no codec among them carries audio"):
        offerer.change_transceiver(key, preferences=preferences)
    assert offerer.session is before


def test_comfort_noise_is_answered_and_not_offered() -> None:
    answerer, offerer = end(), end()
    add_track(answerer, "audio")
    add_track(offerer, "audio")
    answer = answered(chromium(), answerer)
    assert [c.payload_type for c in codecs(answer) if c.name == "CN"] == [13]
    assert "cn" not in names(Sdp.parse(offer_of(offerer).sdp))


def test_offer_of_comfort_noise_alone_is_rejected() -> None:
    answerer = end()
    offer = edited(chromium(), ("111 63 9 0 13 126", "13"))
    answer = answered(offer, answerer)
    assert answer.media[0].rejected
