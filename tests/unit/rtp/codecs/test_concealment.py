"""Sound that fills in for lost packets: in-band FEC of Opus, and extrapolation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from av import AudioFrame

from peer.rtp.codecs import AudioEncoder, FrameDecoder
from peer.rtp.codecs.audio_decoder import AudioDecoder
from peer.rtp.codecs.extrapolation import Extrapolator
from peer.rtp.codecs.installed import decoder_library
from peer.rtp.codecs.libopus import OpusDecoder, libopus
from peer.rtp_parameters import MediaKind
from tests.support.media.moving import codec_named

if TYPE_CHECKING:
    from peer.rtp.codecs import EncodedAudioPacket


def voice(name: str, count: int) -> list[EncodedAudioPacket]:
    """Encode a tone of 200 Hz whose pitch and level change, in noise: a voice to Opus."""
    encoder, rate, noise = AudioEncoder(codec_named(name)), 48_000, np.random.default_rng(1)
    packets: list[EncodedAudioPacket] = []
    for number in range(count + 1):
        at = np.arange(number * 960, (number + 1) * 960)
        turns = 200 * at / rate + 3 * np.sin(4 * at / rate)
        level = 8_000 * (0.6 + 0.4 * np.sin(at / 8_000))
        wave = level * np.sin(2 * math.pi * turns) + noise.normal(0, 200, 960)
        frame = AudioFrame.from_ndarray(
            wave.astype(np.int16).reshape(1, -1), format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts = rate, number * 960
        packets += encoder.encode(frame)
    return packets[:count]


def left(frames: Any) -> Any:
    """Join the first channel of frames."""
    return np.concatenate(
        [each.to_ndarray().reshape(-1, len(each.layout.channels))[:, 0] for each in frames]
    ).astype(float)


def level(samples: Any) -> float:
    return float(np.sqrt((samples**2).mean()))


def ticks(name: str) -> int:
    """The ticks of 20 ms."""
    return codec_named(name).clock_rate // 50


@pytest.mark.parametrize("name", ["opus", "G722", "PCMU", "PCMA"])
def test_one_lost_packet_is_filled_in_whole_and_at_about_its_level(name: str) -> None:
    packets, step = voice(name, 60), ticks(name)
    whole, lossy = FrameDecoder(codec_named(name)), FrameDecoder(codec_named(name))
    for number, packet in enumerate(packets[:50]):
        whole.decode(packet.payload, number * step)
        lossy.decode(packet.payload, number * step)
    missed = left(whole.decode(packets[50].payload, 50 * step))
    filled = lossy.conceal(packets[51].payload, 51 * step)
    assert [frame.pts for frame in filled.frames] == [50 * step]
    assert sum(frame.samples for frame in filled.frames) == len(missed)
    assert filled.concealed + filled.recovered == len(missed)
    assert 0.4 < level(left(filled.frames)) / level(missed) < 1.3
    (following,) = lossy.decode(packets[51].payload, 51 * step)
    assert following.pts == 51 * step


@pytest.mark.parametrize("name", ["opus", "G722", "PCMU"])
def test_a_longer_loss_fades_out_within_120_ms(name: str) -> None:
    packets, step = voice(name, 71), ticks(name)
    decoder = FrameDecoder(codec_named(name))
    for number, packet in enumerate(packets[:60]):
        decoder.decode(packet.payload, number * step)
    filled = decoder.conceal(packets[70].payload, 70 * step)
    times = [frame.pts for frame in filled.frames]
    assert times[:6] == [number * step for number in range(60, 66)]
    # Opus decodes the copy of the last lost packet, if packet 70 has one.
    assert times[6:] in ([], [69 * step])
    assert level(left(filled.frames[5:6])) < level(left(filled.frames[:1])) / 2


@pytest.mark.skipif(libopus() is None, reason="no libopus was found")
def test_in_band_fec_of_opus_brings_the_lost_packet_back() -> None:
    packets = voice("opus", 100)
    whole, lossy = FrameDecoder(codec_named("opus")), FrameDecoder(codec_named("opus"))
    heard = [left(whole.decode(each.payload, n * 960)) for n, each in enumerate(packets)]
    recovered, signal, error = 0, 0.0, 0.0
    for number, packet in enumerate(packets):
        if number % 4 == 3:
            continue
        filled = lossy.conceal(packet.payload, number * 960)
        if filled.recovered:
            assert (filled.recovered, filled.concealed) == (960, 0)
            recovered += 1
            missed = heard[number - 1]
            signal += (missed**2).sum()
            error += ((left(filled.frames) - missed) ** 2).sum()
        lossy.decode(packet.payload, number * 960)
    # An encoder leaves the copy away where it finds no voice.
    assert recovered >= 8
    # Extrapolation has less than 0 dB here.
    assert 10 * math.log10(signal / error) > 6


@pytest.mark.skipif(libopus() is None, reason="no libopus was found")
def test_libopus_decodes_as_the_decoder_of_pyav() -> None:
    codec, library = codec_named("opus"), decoder_library("opus")
    assert library is not None
    ours, theirs = AudioDecoder(codec, library), AudioDecoder(codec, library, opus=lambda: None)
    for number, packet in enumerate(voice("opus", 20)):
        one = ours.decode(packet.payload, number * 960)
        other = theirs.decode(packet.payload, number * 960)
        assert (left(one) == left(other)).all()
        assert [frame.format.name for frame in one] == [frame.format.name for frame in other]


def test_opus_without_libopus_is_extrapolated_as_other_codecs() -> None:
    library = decoder_library("opus")
    assert library is not None
    decoder = AudioDecoder(codec_named("opus"), library, opus=lambda: None)
    packets = voice("opus", 30)
    for number, packet in enumerate(packets[:20]):
        decoder.decode(packet.payload, number * 960)
    filled = decoder.conceal(packets[21].payload, 21 * 960)
    assert (filled.concealed, filled.recovered) == (960, 0)
    assert level(left(filled.frames)) > 1_000
    assert [frame.layout.name for frame in filled.frames] == ["stereo"]


@pytest.mark.parametrize(
    "pts",
    [40 * 160, 39 * 160, 0, 40 * 160 + 19, 40 * 160 + 4_001, 1 << 40, -(1 << 40)],
    ids=["none lost", "older", "far older", "a shift", "half a second", "far later", "before"],
)
def test_nothing_is_filled_in_where_no_packet_was_lost_or_the_stream_paused(pts: int) -> None:
    packets = voice("PCMU", 45)
    decoder = FrameDecoder(codec_named("PCMU"))
    assert decoder.conceal(packets[0].payload, 500).frames == ()
    for number, packet in enumerate(packets[:40]):
        decoder.decode(packet.payload, number * 160)
    assert decoder.conceal(packets[41].payload, pts).frames == ()


@pytest.mark.parametrize("kind", [MediaKind.VIDEO])
def test_pictures_are_not_filled_in(kind: MediaKind) -> None:
    decoder = FrameDecoder(codec_named("VP8"))
    assert decoder.codec.kind is kind
    assert decoder.conceal(b"x", 9_000).frames == ()


def test_extrapolated_sound_goes_on_in_phase_and_joins_what_follows_without_a_leap() -> None:
    rate, extrapolator = 8_000, Extrapolator(8_000)
    wave = (8_000 * np.sin(2 * math.pi * 125 * np.arange(1_200) / rate)).astype(np.int16)
    blocks = [wave[at : at + 160].reshape(1, -1) for at in range(0, 1_200, 160)]
    for block in blocks[:5]:
        extrapolator.heard(block)
    made = extrapolator.extrapolate(160)
    assert made is not None
    # The first 10 ms are at full level.
    assert np.abs(made[0, :80].astype(float) - wave[800:880]).max() < 300
    joined = extrapolator.heard(blocks[6])
    every = np.concatenate((blocks[4][0], made[0], joined[0])).astype(float)
    steepest = np.abs(np.diff(wave.astype(float))).max()
    assert np.abs(np.diff(every)).max() < 1.5 * steepest


def test_nothing_is_extrapolated_of_nothing() -> None:
    extrapolator = Extrapolator(8_000)
    assert extrapolator.extrapolate(160) is None
    extrapolator.heard(np.zeros((1, 80), np.int16))
    assert extrapolator.extrapolate(160) is None


@pytest.mark.skipif(libopus() is None, reason="no libopus was found")
def test_octets_that_are_no_opus_have_no_copy_of_a_packet() -> None:
    library = libopus()
    assert library is not None
    decoder = OpusDecoder(library)
    for payload in (b"", b"\xff", b"\xff\xff\xff", bytes(3), b"\x03", b"\x4b" + bytes(9)):
        assert decoder.recoverable(payload) in (0, 480, 960, 1_920, 2_880, 5_760)
