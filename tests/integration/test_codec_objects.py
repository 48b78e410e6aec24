"""Codecs of `getCapabilities` as preferences, and parameters as soon as they are agreed on."""

from __future__ import annotations

import pytest

from peer import Codec, InvalidModificationError, RtpCodec, RtpReceiver
from tests.support.negotiation.connections import answer, offer, only, pair


def video_codecs() -> tuple[RtpCodec, ...]:
    able = RtpReceiver.getCapabilities("video")
    assert able is not None
    return able.codecs


async def test_codecs_of_get_capabilities_set_the_order_of_an_offer() -> None:
    async with pair() as (left, _):
        transceiver = left.addTransceiver("video")
        first = next(codec for codec in video_codecs() if codec.mimeType == "video/H264")
        transceiver.setCodecPreferences([first, *video_codecs()])

        offered = (await left.createOffer()).sdp
        assert offered.partition("a=rtpmap:")[2].split()[1] == "H264/90000"


async def test_preferences_with_a_codec_of_another_kind_change_nothing() -> None:
    async with pair() as (left, _):
        transceiver = left.addTransceiver("audio")
        before = (await left.createOffer()).sdp.count("a=rtpmap:")
        with pytest.raises(InvalidModificationError):
            transceiver.setCodecPreferences(video_codecs())
        assert (await left.createOffer()).sdp.count("a=rtpmap:") == before


async def test_parameters_are_known_before_the_connection_is_up() -> None:
    async with pair() as (left, right):
        transceiver = left.addTransceiver("video")
        assert transceiver.sender.getParameters().codecs == ()
        await offer(left, right)
        await answer(right, left)

        assert left.connectionState != "connected"
        codecs: list[tuple[Codec, ...]] = [
            half.getParameters().codecs
            for each in (transceiver, only(right))
            for half in (each.sender, each.receiver)
        ]
        assert [found[0].name for found in codecs] == ["VP8"] * 4
