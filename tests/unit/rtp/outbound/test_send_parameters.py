"""getParameters and setParameters of a sender (webrtc-pc section 5.2)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from math import inf, nan
from typing import TYPE_CHECKING, Any

import pytest

from peer.errors import ConfigurationError, InvalidModificationError, InvalidStateError
from peer.rtp.outbound.send_parameters import (
    ParameterExchange,
    RtpEncodingParameters,
    RtpSendParameters,
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
    with pytest.raises(InvalidStateError):
        video.accept(second)


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
