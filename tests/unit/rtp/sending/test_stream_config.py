"""The configuration of an outgoing stream, derived from negotiated parameters."""

from __future__ import annotations

from dataclasses import replace

from peer.rtp.packet import ExtensionIds
from peer.rtp.sending.stream_config import RtpStreamConfig
from tests.support.rtp.sending import OPUS, RTX, VP8, audio_parameters, video_parameters


def test_stream_config_has_the_rtx_of_its_codec() -> None:
    found = RtpStreamConfig.of(video_parameters())
    assert found == RtpStreamConfig(
        payload_type=96,
        clock_rate=90_000,
        mid=b"v",
        ids=ExtensionIds(
            mid=1,
            transport_cc=2,
            abs_send_time=3,
            audio_level=4,
            abs_capture_time=5,
            playout_delay=6,
        ),
        uses_nack=True,
        rtx_payload_type=97,
    )


def test_stream_config_ignores_rtx_of_another_codec() -> None:
    other = replace(RTX, parameters=(("apt", "100"),))
    assert RtpStreamConfig.of(video_parameters(VP8, other)).rtx_payload_type is None


def test_stream_config_of_audio_uses_no_nack() -> None:
    assert not RtpStreamConfig.of(audio_parameters()).uses_nack


def test_nack_pli_alone_is_no_generic_nack() -> None:
    codec = replace(OPUS, feedback=VP8.feedback[1:])
    assert not RtpStreamConfig.of(replace(audio_parameters(), codecs=(codec,))).uses_nack
