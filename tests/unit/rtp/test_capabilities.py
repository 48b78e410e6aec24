"""What can be sent and received, and its translation."""

from __future__ import annotations

import pytest

from peer.rtp.capabilities import capabilities, to_aiortc_receive, to_aiortc_send
from peer.rtp_parameters import Codec, MediaKind, ReceiveParameters, SendParameters
from tests.support.rtp import receiving, sending


def test_audio_codecs_in_order_of_preference() -> None:
    names = [(c.name, c.clock_rate, c.channels) for c in capabilities(MediaKind.AUDIO).codecs]
    assert names == [
        ("opus", 48_000, 2),
        ("G722", 8_000, 1),
        ("PCMU", 8_000, 1),
        ("PCMA", 8_000, 1),
    ]


def test_each_video_codec_is_followed_by_its_rtx() -> None:
    every = capabilities(MediaKind.VIDEO).codecs
    assert [c.name for c in every] == ["VP8", "rtx", "H264", "rtx", "H264", "rtx"]
    assert [rtx.apt for rtx in every[1::2]] == [codec.payload_type for codec in every[::2]]


def test_video_codecs_ask_for_feedback() -> None:
    vp8 = capabilities(MediaKind.VIDEO).codecs[0]
    assert [(f.type, f.parameter) for f in vp8.feedback] == [
        ("nack", None),
        ("nack", "pli"),
        ("goog-remb", None),
    ]


def test_payload_types_are_unique_over_both_kinds() -> None:
    types = [c.payload_type for kind in MediaKind for c in capabilities(kind).codecs]
    assert len(set(types)) == len(types)


def test_one_extension_id_means_one_extension_over_both_kinds() -> None:
    pairs = {(e.id, e.uri) for kind in MediaKind for e in capabilities(kind).extensions}
    assert len({number for number, _ in pairs}) == len(pairs)
    assert "urn:ietf:params:rtp-hdrext:sdes:mid" in {uri for _, uri in pairs}


def test_sender_is_told_codec_extensions_mid_and_cname() -> None:
    given = to_aiortc_send(sending(MediaKind.VIDEO, "VP8", mid="v"))
    assert [c.mimeType for c in given.codecs] == ["video/VP8", "video/rtx"]
    assert given.codecs[1].parameters == {"apt": given.codecs[0].payloadType}
    assert (given.muxId, given.rtcp.cname) == ("v", "test")
    assert [e.id for e in given.headerExtensions] == [1, 3]


@pytest.mark.parametrize("name", ["vp8", "VP8", "Vp8"])
def test_names_are_compared_without_case(name: str) -> None:
    codec = Codec(kind=MediaKind.VIDEO, name=name, payload_type=120, clock_rate=90_000)
    given = to_aiortc_send(SendParameters(mid="0", codecs=(codec,), extensions=(), cname="c"))
    assert given.codecs[0].name == "VP8"


def test_receiver_is_told_which_stream_repairs_which() -> None:
    parameters = receiving(MediaKind.VIDEO, "VP8", ssrcs=(10, 11, 12), rtx=((11, 10),))
    encodings = to_aiortc_receive(parameters).encodings
    assert [(e.ssrc, e.rtx.ssrc if e.rtx else None) for e in encodings] == [(10, 11), (12, None)]


def test_receiver_without_codecs_has_none() -> None:
    parameters = ReceiveParameters(mid="0", codecs=(), extensions=(), ssrcs=(1,))
    assert to_aiortc_receive(parameters).codecs == []
