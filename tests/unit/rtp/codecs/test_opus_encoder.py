"""Opus by libopus itself: mono where both channels are equal, stereo where they are not."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import numpy as np
import pytest
from av import AudioFrame, CodecContext
from av.audio.codeccontext import AudioCodecContext
from av.packet import Packet

from peer.rtp.codecs import AudioEncoder, EncodeError
from peer.rtp.codecs.libopus import libopus
from peer.rtp.codecs.opus_encoder import OpusEncoder
from tests.support.media.moving import codec_named, sound_at

#: The bit of the first octet of a packet that says stereo (RFC 6716 section 3.1).
STEREO = 4
RATE, SAMPLES = 48_000, 960


def heard(left: float, right: float, number: int) -> AudioFrame:
    """Two tones, of one pitch (Hz) in each channel."""
    time = np.arange(number * SAMPLES, (number + 1) * SAMPLES) / RATE
    waves = [8000 * np.sin(2 * np.pi * pitch * time) for pitch in (left, right)]
    samples = np.ascontiguousarray(np.stack(waves, axis=1).astype(np.int16).reshape(1, -1))
    frame = AudioFrame.from_ndarray(samples, "s16", "stereo")
    frame.sample_rate = RATE
    return frame


@pytest.fixture
def library() -> ctypes.CDLL:
    found = libopus()
    assert found is not None
    return found


def channels(packets: list[bytes]) -> list[int]:
    return [2 if packet[0] & STEREO else 1 for packet in packets]


def test_equal_channels_are_encoded_as_mono_and_others_as_stereo(library: ctypes.CDLL) -> None:
    encoder = OpusEncoder(library, bitrate=96_000, loss=None)
    equal = [encoder.encode(heard(440, 440, n)) for n in range(5)]
    other = [encoder.encode(heard(440, 660, n)) for n in range(5, 10)]
    again = [encoder.encode(heard(440, 440, n)) for n in range(10, 70)]
    assert channels(equal) == [1] * 5
    assert channels(other) == [2] * 5
    # Pauses of stereo stay stereo: a second of equal channels is mono again.
    assert channels(again)[:50] == [2] * 50
    assert set(channels(again)[55:]) == {1}


def test_stereo_keeps_a_tone_of_its_own_in_each_channel(library: ctypes.CDLL) -> None:
    encoder = OpusEncoder(library, bitrate=96_000, loss=None)
    decoder = CodecContext.create("opus", "r")
    assert isinstance(decoder, AudioCodecContext)
    packets = [encoder.encode(heard(500, 1500, n)) for n in range(30)]
    decoded = [frame.to_ndarray() for p in packets for frame in decoder.decode(Packet(p))]
    sound = np.concatenate(decoded, axis=1)[:, -RATE // 2 :]
    loudest = np.abs(np.fft.rfft(sound)).argmax(axis=1) * RATE / sound.shape[1]
    assert loudest == pytest.approx([500, 1500], abs=5)


def test_opus_encoder_refuses_a_frame_of_another_duration(library: ctypes.CDLL) -> None:
    encoder = OpusEncoder(library, bitrate=96_000, loss=None)
    frame = AudioFrame("s16", "stereo", 961)
    with pytest.raises(EncodeError, match="audio/opus: invalid argument"):
        encoder.encode(frame)


def test_opus_is_encoded_by_pyav_where_there_is_no_libopus() -> None:
    encoder = AudioEncoder(codec_named("opus"), opus=lambda: None)
    packets = [packet for n in range(5) for packet in encoder.encode(sound_at(n))]
    assert [packet.pts for packet in packets] == [n * SAMPLES for n in range(5)]


@pytest.mark.parametrize(("fec", "copies"), [("1", True), ("0", False)])
def test_opus_has_copies_of_speech_where_the_peer_uses_fec(
    library: ctypes.CDLL, fec: str, *, copies: bool
) -> None:
    codec = replace(codec_named("opus"), parameters=(("useinbandfec", fec),))
    encoder = AudioEncoder(codec)
    found = 0
    rng = np.random.default_rng(7)
    for number in range(100):
        time = np.arange(number * SAMPLES, (number + 1) * SAMPLES) / RATE
        wave = sum(np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 20))
        loud = 3000 * (1 + np.sin(2 * np.pi * 4 * time)) * wave + rng.normal(0, 60, SAMPLES)
        samples = np.repeat(loud.astype(np.int16), 2)[None, :]
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "s16", "stereo")
        frame.sample_rate = RATE
        for packet in encoder.encode(frame):
            found += library.opus_packet_has_lbrr(packet.payload, len(packet.payload))
    assert (found > 20) is copies
