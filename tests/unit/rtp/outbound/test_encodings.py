"""Encodings that an application asks for in addTransceiver (webrtc-pc section 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from peer.errors import ConfigurationError, InvalidAccessError
from peer.priority import Priority
from peer.rtp.capabilities import capabilities
from peer.rtp.codec_capabilities import RtpCodec
from peer.rtp.outbound.encodings import (
    RtpEncodingParameters,
    checked_encodings,
    default_encodings,
    find_codec,
    with_codec_first,
)
from peer.rtp_parameters import SEND_LAYER_LIMIT, Codec, MediaKind
from tests.support.rtp.outgoing import H264, RTX, VP8

if TYPE_CHECKING:
    from collections.abc import Sequence

VIDEO, AUDIO = MediaKind.VIDEO, MediaKind.AUDIO
NEW = Codec(kind=VIDEO, name="newCodec", payload_type=99, clock_rate=90_000)


def asked(*members: dict[str, Any], kind: MediaKind = VIDEO) -> tuple[RtpEncodingParameters, ...]:
    return checked_encodings([RtpEncodingParameters(**each) for each in members], kind)


def scales(encodings: Sequence[RtpEncodingParameters]) -> list[float | None]:
    return [each.scaleResolutionDownBy for each in encodings]


@pytest.mark.parametrize("kind", list(MediaKind))
def test_no_encodings_are_the_default(kind: MediaKind) -> None:
    assert asked(kind=kind) == default_encodings(kind)


def test_scales_are_halves_where_none_is_given() -> None:
    assert scales(asked({"rid": "q"}, {"rid": "h"}, {"rid": "f"})) == [4.0, 2.0, 1.0]


def test_scales_are_one_where_some_are_given() -> None:
    assert scales(asked({"rid": "q"}, {"rid": "h", "scaleResolutionDownBy": 3})) == [1.0, 3.0]


def test_one_encoding_has_no_rid() -> None:
    (one,) = asked({"rid": "foo", "active": False, "maxBitrate": 8})
    assert one == RtpEncodingParameters(active=False, maxBitrate=8, scaleResolutionDownBy=1.0)


def test_encodings_beyond_the_limit_are_left_out() -> None:
    made = asked(*({"rid": str(index)} for index in range(1000)))
    assert [each.rid for each in made] == ["0", "1", "2", "3"]
    assert len(made) == SEND_LAYER_LIMIT
    assert scales(made) == [8.0, 4.0, 2.0, 1.0]


def test_audio_has_one_encoding_without_the_members_of_video() -> None:
    members = {"scaleResolutionDownBy": -1.0, "maxFramerate": -1.0, "scalabilityMode": "L3T3"}
    assert asked({"rid": "a", **members}, {"rid": "b"}, kind=AUDIO) == (RtpEncodingParameters(),)


@pytest.mark.parametrize("kind", list(MediaKind))
@pytest.mark.parametrize(
    ("rids", "words"),
    [
        (["foo", "foo"], "same rid"),
        (["foo", None], "needs a rid"),
        ([None, None], "needs a rid"),
        ([""], "no rid"),
        (["!?"], "no rid"),
        (["foo-bar"], "no rid"),
        (["foo_bar"], "no rid"),
        (["ü"], "no rid"),
        (["a\n"], "no rid"),
        (["a" * 17], "no rid"),
    ],
)
def test_rids_that_cannot_be_are_refused(
    kind: MediaKind, rids: list[str | None], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        asked(*({"rid": rid} for rid in rids), kind=kind)


@pytest.mark.parametrize(
    ("name", "value"),
    [("scaleResolutionDownBy", 0.5), ("maxFramerate", -1), ("scalabilityMode", "L3T3_KEY")],
)
def test_values_out_of_range_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=name):
        asked({name: value})


def test_codec_is_one_that_is_encoded_here() -> None:
    vp8 = next(each for each in capabilities(VIDEO).codecs if each.name == "VP8")
    (one,) = asked({"codec": vp8})
    assert one.codec == vp8
    assert asked({"codec": "video/vp8"})[0].codec == "video/vp8"
    assert asked({"codec": RtpCodec.of(vp8)})[0].codec == RtpCodec.of(vp8)


@pytest.mark.parametrize(
    "codec", [NEW, "video/newCodec", "dummy/VP8", "video/rtx", RTX, RtpCodec.of(NEW)]
)
def test_codec_that_is_not_encoded_here_is_refused(codec: Codec | RtpCodec | str) -> None:
    with pytest.raises(InvalidAccessError, match="cannot be sent"):
        asked({"codec": codec})


def test_codec_of_an_encoding_goes_first() -> None:
    codecs = (VP8, RTX, H264)
    assert with_codec_first(codecs, "video/H264", VIDEO) == (H264, VP8, RTX)
    assert with_codec_first(codecs, VP8, VIDEO) is codecs
    assert with_codec_first(codecs, None, VIDEO) is codecs
    assert with_codec_first(codecs, NEW, VIDEO) is codecs
    assert find_codec(NEW, VIDEO, codecs) is None


@pytest.mark.parametrize("name", ["priority", "networkPriority"])
@pytest.mark.parametrize("given", ["urgent", "", 1])
def test_priority_that_there_is_not_is_refused(name: str, given: object) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is one of 'very-low', .*, not {given!r}"):
        asked({name: given})


def test_priority_of_an_encoding_is_kept() -> None:
    (one,) = asked({"priority": "high", "networkPriority": "very-low"}, kind=AUDIO)
    assert (one.priority, one.networkPriority) == (Priority.HIGH, Priority.VERY_LOW)
    (other,) = asked({})
    assert (other.priority, other.networkPriority) == (Priority.LOW, None)
