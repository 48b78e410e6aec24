"""Audio of any format becomes packets of 20 ms with their times."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from av import AudioFrame, AudioResampler

from peer.rtp.codecs import AudioEncoder, EncodedAudioPacket, EncodeError
from tests.support.media.moving import codec_named, sound_at

# In dB below full scale: an amplitude of a half is 6 below it, a sine 3 more. Six channels made of
# two are mixed down again with room for all of them.
QUIETER = {"5.1": 17}
NAMES = ["opus", "G722", "PCMU", "PCMA"]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def encode(encoder: AudioEncoder, *frames: AudioFrame) -> list[EncodedAudioPacket]:
    return [packet for frame in frames for packet in encoder.encode(frame)]


def silence(samples: int, pts: int | None, *, rate: int = 48_000) -> AudioFrame:
    frame = AudioFrame(format="s16", layout="mono", samples=samples)
    frame.planes[0].update(bytes(frame.planes[0].buffer_size))
    frame.sample_rate = rate
    if pts is not None:
        frame.pts, frame.time_base = pts, Fraction(1, rate)
    return frame


def test_audio_encoder_makes_packets_of_20_ms(name: str) -> None:
    codec = codec_named(name)
    packets = encode(AudioEncoder(codec), *(sound_at(index) for index in range(50, 60)))
    # A resampler may hold some samples back.
    assert len(packets) in {9, 10}
    assert [packet.pts for packet in packets] == [
        codec.clock_rate + index * codec.clock_rate // 50 for index in range(len(packets))
    ]
    assert {packet.time_base for packet in packets} == {Fraction(1, codec.clock_rate)}
    assert {packet.duration for packet in packets} == {Fraction(1, 50)}
    if name != "opus":
        # RFC 3551 section 4.5: 64 kbit/s each.
        assert {len(packet.payload) for packet in packets} == {160}


def test_long_audio_frame_becomes_consecutive_packets(name: str) -> None:
    codec = codec_named(name)
    packets = encode(AudioEncoder(codec), sound_at(0, seconds=0.5), sound_at(1, seconds=0.5))
    assert len(packets) in {49, 50}
    steps = {b.pts - a.pts for a, b in pairwise(packets)}
    assert steps == {codec.clock_rate // 50}


def test_short_audio_frames_wait_for_20_ms() -> None:
    encoder = AudioEncoder(codec_named("opus"))
    assert encode(encoder, silence(441, 0)) == []
    assert encode(encoder, silence(441, 441)) == []
    assert len(encode(encoder, silence(441, 882))) == 1


@pytest.mark.parametrize("shape", ["fltp", "s16p", "s32", "u8"])
@pytest.mark.parametrize(("layout", "rate"), [("mono", 8_000), ("5.1", 44_100), ("stereo", 96_000)])
def test_audio_encoder_takes_any_format(name: str, shape: str, layout: str, rate: int) -> None:
    resampler = AudioResampler(format=shape, layout=layout, rate=rate)
    frames = [out for index in range(25) for out in resampler.resample(sound_at(index))]
    packets = encode(AudioEncoder(codec_named(name)), *frames)
    assert 22 <= len(packets) <= 25
    assert packets[10].level is not None
    assert packets[10].level.level == pytest.approx(QUIETER.get(layout, 9), abs=4)


def test_audio_encoder_does_not_change_the_frame(name: str) -> None:
    frame = sound_at(3)
    frame.pts, frame.time_base = 60, Fraction(1, 1000)
    before = frame.to_ndarray().tobytes()
    encode(AudioEncoder(codec_named(name)), frame, frame)
    assert (frame.pts, frame.time_base) == (60, Fraction(1, 1000))
    assert frame.to_ndarray().tobytes() == before


def test_audio_times_in_milliseconds_make_no_gaps() -> None:
    encoder = AudioEncoder(codec_named("opus"))
    packets: list[EncodedAudioPacket] = []
    for index in range(100):
        frame = silence(1024, None)
        frame.pts, frame.time_base = index * 1024 * 1000 // 48_000, Fraction(1, 1000)
        packets += encoder.encode(frame)
    assert [packet.pts for packet in packets] == [index * 960 for index in range(len(packets))]
    assert len(packets) == 100 * 1024 // 960


def test_audio_gap_is_kept() -> None:
    encoder = AudioEncoder(codec_named("opus"))
    packets = encode(encoder, silence(960 + 480, 0), silence(960, 48_000), silence(960, 48_960))
    assert [packet.pts for packet in packets] == [0, 48_000, 48_960]
    assert encode(encoder, silence(480, 49_920), silence(480, 96_000)) == []


def test_audio_time_that_goes_back_restarts_packets() -> None:
    encoder = AudioEncoder(codec_named("opus"))
    assert [p.pts for p in encode(encoder, silence(960, 48_000), silence(960, 0))] == [48_000, 0]


def test_audio_frames_without_times_follow_each_other() -> None:
    encoder = AudioEncoder(codec_named("opus"))
    packets = encode(encoder, silence(960, 4800), silence(960, None), silence(960, None))
    assert [packet.pts for packet in packets] == [4800, 5760, 6720]


def test_audio_encoder_measures_levels() -> None:
    encoder = AudioEncoder(codec_named("opus"))
    (loud,) = encode(encoder, sound_at(0))
    (quiet,) = encode(encoder, silence(960, 960))
    assert loud.level is not None
    assert loud.level.voice
    assert quiet.level is not None
    assert (quiet.level.level, quiet.level.voice) == (127, False)


def test_opus_obeys_maxaveragebitrate() -> None:
    opus = codec_named("opus")
    rng = np.random.default_rng(5)

    def size(*parameters: tuple[str, str | None]) -> int:
        encoder = AudioEncoder(replace(opus, parameters=parameters))
        total = 0
        for index in range(50):
            noise = rng.integers(-9000, 9000, (1, 960), dtype=np.int16)
            frame = AudioFrame.from_ndarray(noise, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, index * 960, Fraction(1, 48_000)
            total += sum(len(packet.payload) for packet in encoder.encode(frame))
        return total

    usual = size()
    assert size(("maxaveragebitrate", "20000")) < usual / 3
    assert size(("maxaveragebitrate", "9" * 5000)) == pytest.approx(usual, rel=0.1)
    assert size(("maxaveragebitrate", "0")) < usual / 3


def test_empty_audio_frame_gives_no_packet() -> None:
    empty = AudioFrame(format="s16", layout="mono", samples=0)
    assert encode(AudioEncoder(codec_named("opus")), empty) == []


def test_audio_encoder_refuses_an_unknown_codec() -> None:
    with pytest.raises(EncodeError, match="audio/speex"):
        AudioEncoder(replace(codec_named("PCMU"), name="speex"))
