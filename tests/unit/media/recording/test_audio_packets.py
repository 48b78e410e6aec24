from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
import pytest
from av.packet import Packet

from media.recording.audio_packets import (
    opus_frame_seconds,
    opus_substitutes,
    packet_duration,
    silent_opus,
)
from tests.support.media.recorded import OPUS

MS = Fraction(1, 1000)


@pytest.mark.parametrize(
    ("configuration", "seconds"),
    [
        *((0, 10 * MS), (1, 20 * MS), (2, 40 * MS), (3, 60 * MS), (11, 60 * MS)),
        *((12, 10 * MS), (13, 20 * MS), (14, 10 * MS), (15, 20 * MS)),
        *((16, MS * 5 / 2), (17, 5 * MS), (18, 10 * MS), (19, 20 * MS), (31, 20 * MS)),
    ],
)
def test_opus_configuration_tells_frame_duration(configuration: int, seconds: Fraction) -> None:
    assert opus_frame_seconds(bytes((configuration << 3 | 0b100,))) == seconds


@pytest.mark.parametrize("configuration", range(32))
@pytest.mark.parametrize("missing", [20, 60, 119, 120, 121, 1000])
def test_opus_substitutes_last_as_long_as_the_gap(configuration: int, missing: int) -> None:
    packet = bytes((configuration << 3 | 0b100, 1, 2, 3))
    made = list(opus_substitutes(packet, missing * MS))
    frame = opus_frame_seconds(packet)
    assert sum(duration for _, duration in made) == missing * MS // frame * frame
    decoder = av.CodecContext.create("libopus", "r")
    for payload, duration in made:
        assert duration <= 120 * MS
        # The same mode, bandwidth and channels.
        assert payload[0] & ~3 == packet[0]
        (sound,) = decoder.decode(Packet(payload))
        assert isinstance(sound, av.AudioFrame)
        assert Fraction(sound.samples, 48_000) == duration


@pytest.mark.parametrize("missing", [-1, 0, 19])
def test_gap_shorter_than_an_opus_frame_has_no_substitute(missing: int) -> None:
    assert list(opus_substitutes(b"\xfc", missing * MS)) == []


@pytest.mark.parametrize("configuration", range(32))
def test_silent_opus_packet_is_silence_to_a_new_decoder(configuration: int) -> None:
    packet = bytes((configuration << 3 | 0b111, 0b11, 1, 2, 3))
    for name in ("libopus", "opus"):
        decoder = av.CodecContext.create(name, "r")
        frames = decoder.decode(Packet(silent_opus(packet)))
        assert not any(frame.to_ndarray().any() for frame in frames)


@pytest.mark.parametrize(
    ("name", "payload", "milliseconds"),
    [
        ("opus", bytes((31 << 3, 0)), 20),
        ("opus", bytes((1 << 3, 0)), 20),
        ("opus", bytes((3 << 3 | 1, 0)), 120),
        ("opus", bytes((16 << 3 | 3, 4)), 10),
        ("opus", bytes((3 << 3 | 3, 63)), 120),
        ("opus", bytes((16 << 3,)), Fraction(5, 2)),
        ("opus", bytes((15 << 3 | 3,)), 20),
        ("opus", b"", 20),
        ("PCMU", bytes(240), 30),
        ("G722", bytes(160), 20),
        ("PCMA", b"", 20),
        ("other", bytes(9), 20),
    ],
)
def test_packet_duration_by_codec_and_payload(
    name: str, payload: bytes, milliseconds: int | Fraction
) -> None:
    codec = replace(OPUS, name=name)
    assert packet_duration(codec, payload) * 1000 == milliseconds
