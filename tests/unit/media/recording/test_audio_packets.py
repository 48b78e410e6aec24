from __future__ import annotations

from fractions import Fraction

import av
import pytest
from av.packet import Packet

from media.recording.audio_packets import frame_seconds, nothing, substitutes

MS = Fraction(1, 1000)


@pytest.mark.parametrize(
    ("configuration", "seconds"),
    [
        *((0, 10 * MS), (1, 20 * MS), (2, 40 * MS), (3, 60 * MS), (11, 60 * MS)),
        *((12, 10 * MS), (13, 20 * MS), (14, 10 * MS), (15, 20 * MS)),
        *((16, MS * 5 / 2), (17, 5 * MS), (18, 10 * MS), (19, 20 * MS), (31, 20 * MS)),
    ],
)
def test_a_packet_says_how_long_its_frames_are(configuration: int, seconds: Fraction) -> None:
    assert frame_seconds(bytes((configuration << 3 | 0b100,))) == seconds


@pytest.mark.parametrize("configuration", range(32))
@pytest.mark.parametrize("missing", [20, 60, 119, 120, 121, 1000])
def test_substitutes_last_as_long_as_what_is_missing(configuration: int, missing: int) -> None:
    packet = bytes((configuration << 3 | 0b100, 1, 2, 3))
    made = list(substitutes(packet, missing * MS))
    frame = frame_seconds(packet)
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
def test_nothing_stands_for_less_than_a_frame(missing: int) -> None:
    assert list(substitutes(b"\xfc", missing * MS)) == []


@pytest.mark.parametrize("configuration", range(32))
def test_a_packet_of_nothing_is_silence_to_a_new_decoder(configuration: int) -> None:
    packet = bytes((configuration << 3 | 0b111, 0b11, 1, 2, 3))
    for name in ("libopus", "opus"):
        decoder = av.CodecContext.create(name, "r")
        frames = decoder.decode(Packet(nothing(packet)))
        assert not any(frame.to_ndarray().any() for frame in frames)
