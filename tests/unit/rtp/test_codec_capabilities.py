"""Codecs as `getCapabilities` lists them, and found again by `setCodecPreferences`."""

from __future__ import annotations

import dataclasses

import pytest

from peer import InvalidModificationError, RtpCodec, RtpReceiver, RtpSender
from peer.rtp.codec_capabilities import known_codecs
from peer.rtp_parameters import MediaKind


def codec_of(kind: str, mime_type: str) -> RtpCodec:
    able = RtpReceiver.getCapabilities(kind)
    assert able is not None
    return next(codec for codec in able.codecs if codec.mimeType == mime_type)


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_capabilities_of_senders_name_each_codec_once_without_payload_type(kind: str) -> None:
    able = RtpSender.getCapabilities(kind)
    assert able is not None
    assert len(set(able.codecs)) == len(able.codecs)
    assert all(codec.mimeType.startswith(f"{kind}/") for codec in able.codecs)
    assert "urn:ietf:params:rtp-hdrext:sdes:mid" in {each.uri for each in able.headerExtensions}


def test_capabilities_have_rtx_once_for_all_codecs_of_video() -> None:
    able = RtpReceiver.getCapabilities("video")
    assert able is not None
    repairs = [codec for codec in able.codecs if codec.mimeType == "video/rtx"]
    assert repairs == [RtpCodec(mimeType="video/rtx", clockRate=90_000)]


def test_capabilities_of_an_unknown_kind_are_none() -> None:
    assert RtpSender.getCapabilities("text") is None
    assert RtpReceiver.getCapabilities("") is None


def test_codec_is_found_whatever_the_case_of_its_name_and_the_order_of_its_parameters() -> None:
    h264 = codec_of("video", "video/H264")
    assert h264.sdpFmtpLine is not None
    turned = ";".join(reversed(h264.sdpFmtpLine.split(";")))
    same = dataclasses.replace(h264, mimeType="VIDEO/h264", sdpFmtpLine=turned)
    assert list(known_codecs(MediaKind.VIDEO, [same]).values()) == list(
        known_codecs(MediaKind.VIDEO, [h264]).values()
    )


@pytest.mark.parametrize(
    "change",
    [{"clockRate": 24_000}, {"channels": 3}, {"sdpFmtpLine": "stereo=7"}, {"mimeType": "audio/x"}],
)
def test_codec_that_was_changed_is_no_capability(change: dict[str, object]) -> None:
    opus = dataclasses.replace(codec_of("audio", "audio/opus"), **change)  # type: ignore[arg-type] # of a table
    with pytest.raises(InvalidModificationError, match="getCapabilities"):
        known_codecs(MediaKind.AUDIO, [opus])


def test_codecs_that_only_accompany_others_are_no_choice() -> None:
    with pytest.raises(InvalidModificationError, match="video/rtx"):
        known_codecs(MediaKind.VIDEO, [codec_of("video", "video/rtx")])
