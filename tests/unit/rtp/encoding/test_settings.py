"""Equal settings share an encoder, and impossible ones are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peer.rtp.encoding import EncodingSettings
from tests.support.media.moving import codec_named

VP8 = codec_named("VP8")
H264 = codec_named("H264")


@pytest.mark.parametrize(
    "other",
    [
        EncodingSettings(replace(VP8, payload_type=120)),
        EncodingSettings(replace(VP8, feedback=())),
        EncodingSettings(replace(VP8, name="vp8")),
    ],
)
def test_settings_key_ignores_payload_type_and_feedback(other: EncodingSettings) -> None:
    assert EncodingSettings(VP8).key == other.key


@pytest.mark.parametrize(
    "other",
    [
        EncodingSettings(H264),
        EncodingSettings(VP8, scale_down_by=2.0),
        EncodingSettings(VP8, max_framerate=15.0),
        EncodingSettings(VP8, payload_limit=1000),
        EncodingSettings(replace(VP8, parameters=(("max-fr", "30"),))),
    ],
)
def test_settings_key_depends_on_what_changes_frames(other: EncodingSettings) -> None:
    assert EncodingSettings(VP8).key != other.key


def test_settings_key_ignores_the_order_of_parameters() -> None:
    turned = replace(H264, parameters=H264.parameters[::-1])
    assert EncodingSettings(H264).key == EncodingSettings(turned).key


@pytest.mark.parametrize("scale", [0.5, 0.0, -1.0, float("nan")])
def test_settings_refuse_scaling_up(scale: float) -> None:
    with pytest.raises(ValueError, match="scale_down_by"):
        EncodingSettings(VP8, scale_down_by=scale)


@pytest.mark.parametrize("framerate", [0.0, -5.0, float("nan")])
def test_settings_refuse_a_frame_rate_of_0(framerate: float) -> None:
    with pytest.raises(ValueError, match="max_framerate"):
        EncodingSettings(VP8, max_framerate=framerate)


def test_settings_refuse_tiny_payloads() -> None:
    with pytest.raises(ValueError, match="payload_limit"):
        EncodingSettings(VP8, payload_limit=63)
