"""Offered codecs: names, payload types, parameters and feedback."""

from __future__ import annotations

import pytest

from peer.rtp.codecs import accepted, can_decode, can_encode, installed
from peer.rtp.codecs.installed import check_encoders
from peer.rtp_parameters import Codec, Feedback, MediaKind


def names(kind: MediaKind) -> list[str]:
    return [codec.name for codec in installed(kind) if not codec.is_rtx]


def test_audio_codecs_are_in_order_of_preference() -> None:
    assert names(MediaKind.AUDIO) == [
        "opus", "red", "G722", "PCMU", "PCMA", "telephone-event", "telephone-event",
    ]  # fmt: skip


def test_video_codecs_are_in_order_of_preference() -> None:
    assert names(MediaKind.VIDEO) == ["VP8", "H264", "H264", "VP9", "AV1", "H264", "H264"]


def test_no_payload_type_is_used_twice() -> None:
    every = [codec.payload_type for kind in MediaKind for codec in installed(kind)]
    assert len(set(every)) == len(every)
    # RFC 5761 section 4: 64 to 95 look like RTCP, and RFC 3551 took those below 35.
    assert all(number in {0, 8, 9} or 96 <= number <= 127 for number in every)


def test_rtx_codec_follows_its_codec() -> None:
    codecs = installed(MediaKind.VIDEO)
    for media, rtx in zip(codecs[::2], codecs[1::2], strict=True):
        assert rtx.is_rtx
        assert rtx.apt == media.payload_type


def test_video_codecs_have_rtx_and_feedback() -> None:
    for codec in installed(MediaKind.VIDEO):
        assert codec.feedback == (
            ()
            if codec.is_rtx
            else (
                Feedback("nack"),
                Feedback("nack", "pli"),
                Feedback("ccm", "fir"),
                Feedback("goog-remb"),
                Feedback("transport-cc"),
            )
        )


@pytest.mark.parametrize("profile", ["42001f", "42e01f"])
def test_h264_is_offered_with_packetization_mode_1(profile: str) -> None:
    codec = next(
        c for c in installed(MediaKind.VIDEO) if c.parameter("profile-level-id") == profile
    )
    assert codec.parameter("packetization-mode") == "1"


def test_offered_codecs_can_be_encoded_and_decoded() -> None:
    for kind in MediaKind:
        for codec in installed(kind):
            if not codec.is_rtx:
                assert can_decode(codec)
                assert can_encode(codec)


def test_unknown_codec_can_neither_be_encoded_nor_decoded() -> None:
    unknown = Codec(kind=MediaKind.VIDEO, name="H266", payload_type=100, clock_rate=90_000)
    assert not can_encode(unknown)
    assert not can_decode(unknown)


def test_codec_names_are_compared_without_case() -> None:
    assert can_encode(Codec(kind=MediaKind.VIDEO, name="vp8", payload_type=1, clock_rate=90_000))


def test_library_that_no_encoder_can_open_is_an_error_at_once() -> None:
    check_encoders({"opus": ("libopus",), "h264": ("libx264",)})
    with pytest.raises(AssertionError, match="libspeex"):
        check_encoders({"opus": ("libopus",), "speex": ("libspeex",)})


def test_rare_codecs_can_be_decoded_and_have_rtx_and_numbers_of_their_own() -> None:
    rare = accepted(MediaKind.VIDEO)
    assert [(c.name, c.payload_type) for c in accepted(MediaKind.AUDIO)] == [("CN", 13)]
    assert all(can_decode(codec) for codec in rare if not codec.is_rtx)
    for media, rtx in zip(rare[::2], rare[1::2], strict=True):
        assert rtx.apt == media.payload_type
    every = (*installed(MediaKind.AUDIO), *installed(MediaKind.VIDEO), *rare)
    numbers = [codec.payload_type for codec in every]
    assert len(set(numbers)) == len(numbers)
    assert set(numbers) <= {0, 8, 9, *range(35, 64), *range(96, 128)}


def test_only_8_bits_in_420_can_be_encoded() -> None:
    able = {
        (codec.name, codec.parameter("profile-level-id") or codec.parameter("profile-id"))
        for codec in accepted(MediaKind.VIDEO)
        if not codec.is_rtx and can_encode(codec)
    }
    profiles = ("42001f", "42e01f", "4d0034", "640c34", "640034")
    assert able == {("H264", each) for each in profiles}
