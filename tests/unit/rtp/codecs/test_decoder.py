"""Decoding of good and broken frames by the installed libraries."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from av import AudioFrame, VideoFrame

from peer.rtp.codecs import AudioEncoder, DecodeError, FrameDecoder, VideoEncoder
from peer.rtp.formats import format_of
from tests.support.media.b_frames import SETTINGS, with_b_frames
from tests.support.media.encoded import encode, encoded
from tests.support.media.foreign import HEIGHT, WIDTH, Foreign, foreign
from tests.support.media.moving import codec_named, moving_picture, sound_at
from tests.support.media.nal_senders import H264

PICTURES = ["VP8", "H264", "VP9", "AV1"]
SOUND = ["opus", "G722", "PCMU", "PCMA"]


def pictures_of(name: str, count: int, *, keyframes: frozenset[int] = frozenset()) -> list[bytes]:
    encoder = VideoEncoder(codec_named(name), bitrate=1_000_000)
    return [
        picture.payload
        for index in range(count)
        for picture in encoder.encode(moving_picture(index), keyframe=index in keyframes)
    ]


def sound_of(name: str, count: int) -> list[bytes]:
    encoder = AudioEncoder(codec_named(name))
    return [packet.payload for index in range(count) for packet in encoder.encode(sound_at(index))]


@pytest.mark.parametrize("name", PICTURES)
def test_decoder_has_no_delay(name: str) -> None:
    decoder = FrameDecoder(codec_named(name))
    for index, payload in enumerate(pictures_of(name, 10)):
        (frame,) = decoder.decode(payload, 7_000 + index * 3000)
        assert isinstance(frame, VideoFrame)
        assert (frame.width, frame.height, frame.format.name) == (320, 240, "yuv420p")
        assert (frame.pts, frame.time_base) == (7_000 + index * 3000, Fraction(1, 90_000))


@pytest.mark.parametrize(
    ("name", "rate", "layout"),
    [
        ("opus", 48_000, "stereo"),
        ("G722", 16_000, "mono"),
        ("PCMU", 8_000, "mono"),
        ("PCMA", 8_000, "mono"),
    ],
)
def test_decoded_audio_has_its_format_and_time(name: str, rate: int, layout: str) -> None:
    codec = codec_named(name)
    decoder = FrameDecoder(codec)
    for index, payload in enumerate(sound_of(name, 10)):
        pts = 5 + index * codec.clock_rate // 50
        (frame,) = decoder.decode(payload, pts)
        assert isinstance(frame, AudioFrame)
        assert (frame.format.name, frame.sample_rate, frame.layout.name) == ("s16", rate, layout)
        assert frame.samples == rate // 50
        assert (frame.pts, frame.time_base) == (pts, Fraction(1, codec.clock_rate))


@pytest.mark.parametrize("name", SOUND)
def test_decoded_audio_is_the_encoded_tone(name: str) -> None:
    decoder = FrameDecoder(codec_named(name))
    decoded = [frame for payload in sound_of(name, 50) for frame in decoder.decode(payload, 0)]
    channels = 2 if name == "opus" else 1
    samples = np.concatenate([f.to_ndarray().ravel()[::channels] for f in decoded])[1600:]
    rate = {"opus": 48_000, "G722": 16_000}.get(name, 8_000)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert np.argmax(spectrum) * rate / len(samples) == pytest.approx(450, abs=5)


@pytest.mark.parametrize("name", [*PICTURES, *SOUND])
def test_empty_payload_does_not_end_the_decoder(name: str) -> None:
    decoder = FrameDecoder(codec_named(name))
    payload = (pictures_of if name in PICTURES else sound_of)(name, 2)[0]
    assert decoder.decode(b"", 0) == []
    assert len(decoder.decode(payload, 0)) == 1


@pytest.mark.parametrize("name", PICTURES)
def test_decoder_recovers_from_broken_frames(name: str) -> None:
    rng = random.Random(f"broken {name}")
    payloads = pictures_of(name, 8, keyframes=frozenset({4}))
    decoder = FrameDecoder(codec_named(name))
    refused = 0
    for number in range(300):
        broken = bytearray(payloads[number % 4])
        for _ in range(rng.randint(1, 30)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        try:
            decoder.decode(bytes(broken[: rng.randint(1, len(broken))]), number)
        except DecodeError:
            refused += 1
    assert refused
    for payload in payloads[4:]:
        assert len(decoder.decode(payload, 0)) == 1


@pytest.mark.parametrize("name", ["VP8", "VP9"])
def test_decoder_survives_a_missing_keyframe(name: str) -> None:
    decoder = FrameDecoder(codec_named(name))
    with pytest.raises(DecodeError, match=name):
        decoder.decode(pictures_of(name, 3)[2], 0)


def test_decoder_refuses_a_huge_frame() -> None:
    key = bytearray(pictures_of("VP8", 1)[0])
    # RFC 6386 section 9.1: width and height follow the start code, 14 bits each.
    key[6:10] = b"\xff\x3f\xff\x3f"
    with pytest.raises(DecodeError):
        FrameDecoder(codec_named("VP8")).decode(bytes(key), 0)


@pytest.mark.parametrize("name", PICTURES)
def test_decoder_takes_frames_up_to_max_pixels(name: str) -> None:
    (payload,) = pictures_of(name, 1)
    assert len(FrameDecoder(codec_named(name), max_pixels=400 * 300).decode(payload, 0)) == 1
    # Some say why, some give nothing.
    with suppress(DecodeError):
        assert FrameDecoder(codec_named(name), max_pixels=100 * 100).decode(payload, 0) == []


def test_decoder_refuses_an_unknown_codec() -> None:
    with pytest.raises(DecodeError, match="video/H266"):
        FrameDecoder(replace(codec_named("VP8"), name="H266"))


@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize("stream", Foreign)
def test_codec_that_is_not_encoded_here_is_decoded_without_delay(stream: Foreign) -> None:
    codec = stream.value.codec
    payload_format, decoder = format_of(codec), FrameDecoder(codec)
    for index, source in enumerate(foreign(stream)):
        payloads = payload_format.packetize(source.data, keyframe=source.keyframe, limit=1200)
        payload = payload_format.assemble(payloads)
        assert payload_format.describe(payload).keyframe is source.keyframe
        assert payload_format.is_keyframe_start(payloads[0]) is source.keyframe
        (frame,) = decoder.decode(payload, 7_000 + index * 3000)
        assert isinstance(frame, VideoFrame)
        assert (frame.width, frame.height) == (WIDTH, HEIGHT)
        assert (frame.format.name, frame.pts) == (stream.value.pixels, 7_000 + index * 3000)


def test_h265_picture_too_large_is_refused_by_its_header() -> None:
    decoder = FrameDecoder(codec_named("H265"), max_pixels=100 * 100)
    with pytest.raises(DecodeError):
        decoder.decode(encoded("H265")[0].data, 0)


@pytest.mark.parametrize(
    ("library", "name", "options"),
    [
        ("libx264", "H264", {"preset": "veryfast", "bf": "2"}),
        (
            *("libx265", "H265"),
            {"preset": "ultrafast", "x265-params": "bframes=2:log-level=none:repeat-headers=1"},
        ),
    ],
)
def test_pictures_that_a_decoder_holds_back_keep_their_times(
    library: str, name: str, options: dict[str, str]
) -> None:
    # Their parameter sets allow for two pictures in between, whether there are any or not.
    packets = encode(library, options)
    times = [packet.pts * 3000 for packet in packets]
    decoder = FrameDecoder(codec_named(name))
    shown = [
        frame.pts
        for packet, pts in zip(packets, times, strict=True)
        for frame in decoder.decode(packet.data, pts)
    ]
    assert len(shown) > len(times) // 2
    assert shown == sorted(times)[: len(shown)]


@pytest.mark.parametrize("settings", SETTINGS)
def test_pictures_of_a_stream_with_b_frames_come_in_order_and_all_of_them(settings: str) -> None:
    source = with_b_frames(SETTINGS[settings])
    assert [each.pts for each in source] != sorted(each.pts for each in source)
    decoder = FrameDecoder(H264)
    frames = [frame for each in source for frame in decoder.decode(each.data, 3000 * each.pts)]
    # What was kept back for the order is all that is missing.
    assert len(source) - len(frames) <= 2
    frames += decoder.finish()
    assert [frame.pts for frame in frames] == [3000 * number for number in range(len(source))]
