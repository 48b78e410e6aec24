"""getParameters and setParameters of a sender (webrtc-pc section 5.2)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from math import inf, nan
from typing import TYPE_CHECKING, Any

import pytest

from peer.errors import ConfigurationError, InvalidModificationError, InvalidStateError
from peer.rtp.outbound.encodings import RtpEncodingParameters, checked_encodings
from peer.rtp.outbound.send_parameters import (
    ParameterExchange,
    RtpEncodingOptions,
    RtpSendParameters,
    RtpSetParameterOptions,
)
from peer.rtp_parameters import (
    Codec,
    HeaderExtension,
    MediaKind,
    RtcpParameters,
    SendParameters,
)

if TYPE_CHECKING:
    from collections.abc import Callable

AGREED = SendParameters(
    mid="0",
    codecs=(Codec(kind=MediaKind.VIDEO, name="VP8", payload_type=97, clock_rate=90_000),),
    extensions=(HeaderExtension(1, "urn:ietf:params:rtp-hdrext:sdes:mid"),),
    cname="somebody",
)


@pytest.fixture
def video() -> ParameterExchange:
    return ParameterExchange(MediaKind.VIDEO)


async def turn() -> None:
    await asyncio.sleep(0)


async def test_get_parameters_shows_negotiated_parameters(video: ParameterExchange) -> None:
    parameters = video.get(AGREED)
    assert parameters.codecs == AGREED.codecs
    assert parameters.headerExtensions == AGREED.extensions
    assert parameters.rtcp == RtcpParameters(cname="somebody", reducedSize=False)


async def test_get_parameters_before_negotiation_has_one_encoding(
    video: ParameterExchange,
) -> None:
    parameters = video.get(None)
    assert parameters.encodings == [RtpEncodingParameters(scaleResolutionDownBy=1.0)]
    assert (parameters.codecs, parameters.headerExtensions) == ((), ())


async def test_audio_encoding_has_no_scale() -> None:
    assert ParameterExchange(MediaKind.AUDIO).get(None).encodings == [RtpEncodingParameters()]


async def test_set_parameters_takes_changed_encodings(video: ParameterExchange) -> None:
    parameters = video.get(AGREED)
    parameters.encodings[0].maxBitrate = 200_000
    parameters.encodings[0].maxFramerate = 12.5
    parameters.encodings[0].scaleResolutionDownBy = 2
    video.accept(parameters)
    assert video.encoding == RtpEncodingParameters(
        maxBitrate=200_000, maxFramerate=12.5, scaleResolutionDownBy=2.0
    )


async def test_set_parameters_takes_a_copy(video: ParameterExchange) -> None:
    parameters = video.get(AGREED)
    (encoding,) = parameters.encodings
    video.accept(replace(parameters, encodings=[replace(encoding, active=False)]))
    assert not video.encoding.active


async def test_change_counts_only_after_set_parameters(video: ParameterExchange) -> None:
    parameters = video.get(AGREED)
    parameters.encodings[0].active = False
    assert video.encoding.active
    assert video.get(AGREED).encodings[0].active
    video.accept(parameters)
    parameters.encodings[0].active = True
    assert not video.encoding.active


async def test_get_parameters_is_one_transaction_per_turn(video: ParameterExchange) -> None:
    first, second = video.get(AGREED), video.get(AGREED)
    assert first == second
    assert first is not second
    video.accept(first)
    second.encodings[0].active = False
    video.accept(second)
    assert video.get(AGREED).transactionId == first.transactionId
    assert not video.get(AGREED).encodings[0].active


async def test_set_parameters_needs_get_parameters(video: ParameterExchange) -> None:
    parameters = RtpSendParameters(transactionId="", encodings=[RtpEncodingParameters()])
    with pytest.raises(InvalidStateError, match="getParameters"):
        video.accept(parameters)


async def test_set_parameters_after_the_turn_is_refused(video: ParameterExchange) -> None:
    parameters = video.get(AGREED)
    await turn()
    with pytest.raises(InvalidStateError):
        video.accept(parameters)
    later = video.get(AGREED)
    assert later.transactionId != parameters.transactionId
    with pytest.raises(InvalidModificationError, match="last getParameters"):
        video.accept(parameters)
    video.accept(later)


@pytest.mark.parametrize(
    "change",
    [
        lambda given: replace(given, transactionId="another"),
        lambda given: replace(given, encodings=[]),
        lambda given: replace(given, encodings=given.encodings * 2),
        lambda given: replace(given, encodings=[RtpEncodingParameters(rid="h")]),
        lambda given: replace(given, headerExtensions=()),
        lambda given: replace(given, codecs=()),
        lambda given: replace(given, rtcp=RtcpParameters(cname="another")),
    ],
)
async def test_read_only_parameters_cannot_be_changed(
    video: ParameterExchange, change: Callable[[RtpSendParameters], RtpSendParameters]
) -> None:
    parameters = video.get(AGREED)
    with pytest.raises(InvalidModificationError):
        video.accept(change(parameters))
    parameters.encodings[0].active = False
    video.accept(parameters)
    assert not video.encoding.active


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("maxBitrate", value) for value in (0, -1, 1.5, nan, inf, "fast", True)),
        *(("maxFramerate", value) for value in (-0.1, nan, inf, "slow")),
        *(("scaleResolutionDownBy", value) for value in (0.99, 0, -2, nan, inf, "half")),
        *(("active", value) for value in (None, 1)),
    ],
)
async def test_set_parameters_refuses_numbers_out_of_range(
    video: ParameterExchange, name: str, value: object
) -> None:
    parameters = video.get(AGREED)
    parameters.encodings[0].active = False
    setattr(parameters.encodings[0], name, value)
    with pytest.raises(ConfigurationError, match=name):
        video.accept(parameters)
    assert video.encoding.active


@pytest.mark.parametrize(
    ("name", "value"), [("maxFramerate", 0), ("scaleResolutionDownBy", 1), ("maxBitrate", 1)]
)
async def test_set_parameters_takes_the_smallest_numbers(
    video: ParameterExchange, name: str, value: Any
) -> None:
    parameters = video.get(AGREED)
    setattr(parameters.encodings[0], name, value)
    video.accept(parameters)
    assert getattr(video.encoding, name) == value


async def test_missing_scale_is_1(video: ParameterExchange) -> None:
    parameters = video.get(AGREED)
    parameters.encodings[0].scaleResolutionDownBy = None
    video.accept(parameters)
    assert video.encoding.scaleResolutionDownBy == 1.0


async def test_audio_encoding_ignores_video_parameters() -> None:
    exchange = ParameterExchange(MediaKind.AUDIO)
    parameters = exchange.get(None)
    parameters.encodings[0].scaleResolutionDownBy = 0.5
    parameters.encodings[0].maxFramerate = -1
    exchange.accept(parameters)
    assert exchange.encoding == RtpEncodingParameters()


async def test_set_parameters_after_a_negotiation_is_refused(video: ParameterExchange) -> None:
    parameters = video.get(None)
    video.forget()
    with pytest.raises(InvalidStateError):
        video.accept(parameters)


def layered() -> ParameterExchange:
    asked = [RtpEncodingParameters(rid=rid) for rid in ("q", "h", "f")]
    return ParameterExchange(MediaKind.VIDEO, checked_encodings(asked, MediaKind.VIDEO))


def rids(exchange: ParameterExchange) -> list[str | None]:
    return [each.rid for each in exchange.encodings]


async def test_encodings_cannot_be_reordered_taken_away_or_renamed() -> None:
    exchange = layered()
    parameters = exchange.get(AGREED)
    q, h, f = parameters.encodings
    for changed in ([h, q, f], [q, h], [q, h, replace(f, rid="x")], [q, h, f, f]):
        with pytest.raises(InvalidModificationError, match="encodings"):
            exchange.accept(replace(parameters, encodings=changed))
    h.maxBitrate = 99
    exchange.accept(parameters)
    assert [each.maxBitrate for each in exchange.encodings] == [None, 99, None]


async def test_encodings_that_an_answer_leaves_keep_what_was_set() -> None:
    exchange = layered()
    parameters = exchange.get(AGREED)
    parameters.encodings[1].scaleResolutionDownBy = 3.3
    exchange.accept(parameters)
    exchange.use_rids(["h"])
    assert exchange.encodings == (RtpEncodingParameters(rid="h", scaleResolutionDownBy=3.3),)
    with pytest.raises(InvalidStateError):
        exchange.accept(parameters)


async def test_encodings_of_the_peers_offer_come_without_what_was_set_and_go_with_a_rollback(
    video: ParameterExchange,
) -> None:
    parameters = video.get(None)
    parameters.encodings[0].scaleResolutionDownBy = 3.0
    video.accept(parameters)
    video.use_rids(["foo", "bar"])
    assert [(e.rid, e.scaleResolutionDownBy) for e in video.encodings] == [("foo", 2), ("bar", 1)]
    video.use_rids([])
    assert [(e.rid, e.scaleResolutionDownBy) for e in video.encodings] == [(None, 3)]


async def test_same_rids_change_nothing() -> None:
    exchange = layered()
    parameters = exchange.get(AGREED)
    exchange.use_rids(["q", "h", "f"])
    exchange.accept(parameters)
    assert rids(exchange) == ["q", "h", "f"]


async def test_options_are_one_for_each_encoding_or_none() -> None:
    exchange = layered()
    parameters = exchange.get(AGREED)
    for count, is_taken in ((0, True), (1, False), (3, True), (4, False)):
        options = RtpSetParameterOptions(encodingOptions=[RtpEncodingOptions()] * count)
        if is_taken:
            exchange.accept(parameters, options)
        else:
            with pytest.raises(InvalidModificationError, match=f"{count} options for 3"):
                exchange.accept(parameters, options)


async def test_codec_is_one_that_was_agreed_on(video: ParameterExchange) -> None:
    (vp8,) = AGREED.codecs
    parameters = video.get(AGREED)
    parameters.encodings[0].codec = "video/H264"
    video.accept(parameters, negotiated=None)
    with pytest.raises(InvalidModificationError, match="cannot be sent"):
        video.accept(parameters, negotiated=AGREED)
    parameters.encodings[0].codec = vp8
    video.accept(parameters, negotiated=AGREED)
    video.drop_codecs(AGREED.codecs)
    assert video.encoding.codec == vp8
    video.drop_codecs([replace(vp8, name="VP9")])
    assert video.encoding.codec is None
