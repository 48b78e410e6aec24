"""Codecs are preferred by aiortc's capabilities, and others of ours beside them."""

from __future__ import annotations

import pytest
from aiortc.sdp import SessionDescription

import peer.compat as aiortc
from tests.support.compat.pairs import connection


async def offered(pc: aiortc.RTCPeerConnection) -> list[str]:
    parsed = SessionDescription.parse((await pc.createOffer()).sdp)
    await pc.close()
    return [codec.name for media in parsed.media for codec in media.rtp.codecs]


async def test_compat_preferences_say_which_codecs_are_offered_and_in_which_order() -> None:
    pc = connection()
    known = {c.name: c for c in aiortc.RTCRtpSender.getCapabilities("audio").codecs}

    pc.addTransceiver("audio").setCodecPreferences([known["PCMA"], known["opus"], known["PCMA"]])

    assert await offered(pc) == ["PCMA", "opus"]


async def test_compat_empty_preferences_offer_every_codec_again() -> None:
    pc = connection()
    transceiver = pc.addTransceiver("audio")
    transceiver.setCodecPreferences(aiortc.RTCRtpSender.getCapabilities("audio").codecs[-1:])

    transceiver.setCodecPreferences([])

    assert await offered(pc) == ["opus", "G722", "PCMU", "PCMA"]


async def test_compat_preferences_may_name_a_codec_that_aiortc_does_not_have() -> None:
    pc = connection()

    pc.addTransceiver("video").setCodecPreferences(
        [aiortc.RTCRtpCodecCapability(mimeType="video/VP9", clockRate=90_000)]
    )

    assert (await offered(pc))[0] == "VP9"


async def test_compat_preference_of_an_unknown_codec_is_refused() -> None:
    pc = connection()

    with pytest.raises(ValueError, match="Codec is not in capabilities"):
        pc.addTransceiver("video").setCodecPreferences(
            [aiortc.RTCRtpCodecCapability(mimeType="video/bogus", clockRate=90_000)]
        )
    await pc.close()
