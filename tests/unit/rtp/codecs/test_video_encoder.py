"""Video encoding by the installed libraries."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, NoReturn, cast

import pytest
from av import VideoFrame
from av.video.format import VideoFormat
from av.video.frame import PictureType

from peer.rtp.codecs import EncodeError, FrameDecoder, VideoEncoder
from peer.rtp.codecs.video_encoder import MIN_BITRATE
from peer.rtp.formats import format_of
from tests.support.media.frames import flat_picture
from tests.support.media.moving import codec_named, moving_picture

if TYPE_CHECKING:
    from peer.rtp.codecs import EncodedVideoFrame
    from peer.rtp_parameters import Codec

NAMES = ["VP8", "H264", "VP9", "AV1"]
# Relative to the bitrate, over three seconds.
CLOSE = {"VP8": 0.1, "VP9": 0.1, "H264": 0.2, "AV1": 0.15}


class Broken:
    """As far as it is looked at, a picture that cannot be copied."""

    pts, time_base, width, height = 0, Fraction(1, 90_000), 320, 240
    format = VideoFormat("yuv420p")

    @property
    def planes(self) -> NoReturn:
        raise ValueError("no planes")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def encoder_of(name: str, bitrate: int = 300_000, scale_down_by: float = 1.0) -> VideoEncoder:
    return VideoEncoder(codec_named(name), bitrate=bitrate, scale_down_by=scale_down_by)


def one(encoder: VideoEncoder, index: int, *, keyframe: bool = False) -> EncodedVideoFrame:
    (picture,) = encoder.encode(moving_picture(index), keyframe=keyframe)
    return picture


def test_video_encoder_has_no_delay(name: str) -> None:
    encoder = encoder_of(name)
    for index in range(40):
        picture = one(encoder, index)
        assert (picture.pts, picture.time_base) == (index * 3000, Fraction(1, 90_000))
        assert picture.keyframe == (index == 0)
        assert (picture.width, picture.height) == (320, 240)
    assert encoder.opened == 1


def test_video_encoder_makes_keyframes_only_on_request(name: str) -> None:
    encoder = encoder_of(name)
    wanted = {7, 8, 20}
    made = {index for index in range(30) if one(encoder, index, keyframe=index in wanted).keyframe}
    assert made == {0} | wanted
    assert encoder.opened == 1


def test_decoding_can_begin_at_a_requested_keyframe(name: str) -> None:
    encoder = encoder_of(name, 2_000_000)
    pictures = [one(encoder, index, keyframe=index == 5) for index in range(10)]
    decoder = FrameDecoder(codec_named(name))
    for index in range(5, 10):
        (frame,) = decoder.decode(pictures[index].payload, pictures[index].pts)
        assert isinstance(frame, VideoFrame)
        original = moving_picture(index).to_ndarray()[:240].astype(int)
        assert abs(frame.to_ndarray()[:240].astype(int) - original).mean() < 12


@pytest.mark.parametrize("given", [PictureType.NONE, PictureType.B, PictureType.I])
def test_video_encoder_does_not_change_the_frame(name: str, given: PictureType) -> None:
    encoder = encoder_of(name)
    one(encoder, 0)
    frame = moving_picture(1)
    frame.pict_type = given
    frame.time_base, frame.pts = Fraction(1, 1000), 33
    before = frame.to_ndarray().tobytes()
    (picture,) = encoder.encode(frame, keyframe=given is not PictureType.I)
    # A type that a decoder left on the frame says nothing about what we want.
    assert picture.keyframe == (given is not PictureType.I)
    assert (frame.pict_type, frame.pts, frame.time_base) == (given, 33, Fraction(1, 1000))
    assert frame.to_ndarray().tobytes() == before
    assert (picture.pts, picture.time_base) == (33, Fraction(1, 1000))


def test_video_encoder_follows_the_bitrate_without_a_keyframe(name: str) -> None:
    encoder = encoder_of(name, 1_500_000)
    first = rate_of(encoder, 0, 90)
    encoder.bitrate = 1_050_000
    rate_of(encoder, 90, 150)
    lower = rate_of(encoder, 150, 240)
    encoder.bitrate = 1_500_000
    rate_of(encoder, 240, 300)
    again = rate_of(encoder, 300, 390)
    assert first == pytest.approx(1_500_000, rel=2 * CLOSE[name])
    assert lower == pytest.approx(1_050_000, rel=CLOSE[name])
    assert again == pytest.approx(1_500_000, rel=CLOSE[name])
    assert encoder.opened == 1


def rate_of(encoder: VideoEncoder, begin: int, end: int) -> float:
    """Bits a second over these pictures."""
    pictures = [
        picture
        for index in range(begin, end)
        for picture in encoder.encode(moving_picture(index, noise=6), keyframe=False)
    ]
    return sum(len(picture.payload) for picture in pictures) * 8 * 30 / (end - begin)


def test_video_encoder_keeps_the_bitrate_at_10_hz(name: str) -> None:
    encoder = VideoEncoder(codec_named(name), bitrate=700_000, framerate=10)
    sizes = [
        len(picture.payload)
        for index in range(80)
        for picture in encoder.encode(moving_picture(index, framerate=10, noise=6), keyframe=False)
    ]
    assert sum(sizes[30:]) * 8 / 5 == pytest.approx(700_000, rel=CLOSE[name])
    assert encoder.opened == 1


def test_video_encoder_is_reopened_once_far_from_the_bitrate(name: str) -> None:
    encoder = encoder_of(name, 1_600_000)
    for index in range(160):
        one(encoder, index)
    encoder.bitrate = 100_000
    keyframes = sum(
        picture.keyframe
        for index in range(160, 400)
        for picture in encoder.encode(moving_picture(index), keyframe=False)
    )
    assert (encoder.opened, keyframes) == (2, 1)


def test_scene_cut_makes_no_keyframe(name: str) -> None:
    encoder = encoder_of(name, 1_000_000)
    made = []
    for index in range(40):
        bright = flat_picture(320, 240, luma=220)
        picture = moving_picture(index) if index // 10 % 2 else bright
        picture.pts = index * 3000
        made += encoder.encode(picture, keyframe=False)
    assert [picture.keyframe for picture in made] == [True] + [False] * 39


def test_keyframe_is_never_dropped_to_save_bits() -> None:
    encoder = encoder_of("AV1", 1_000_000)
    one(encoder, 0)
    encoder.bitrate = 930_000
    assert all(one(encoder, index, keyframe=True).keyframe for index in range(1, 31))
    assert encoder.opened == 1


def test_other_frame_size_begins_with_a_keyframe(name: str) -> None:
    encoder = encoder_of(name)
    one(encoder, 0)
    (picture,) = encoder.encode(moving_picture(1, width=160, height=120), keyframe=False)
    assert picture.keyframe
    assert (picture.width, picture.height) == (160, 120)


@pytest.mark.parametrize(("width", "height"), [(2, 2), (16, 16), (65, 67), (33, 17)])
def test_any_frame_size_can_be_encoded_and_decoded(name: str, width: int, height: int) -> None:
    encoder = encoder_of(name)
    decoder = FrameDecoder(codec_named(name))
    for index in range(3):
        frame = VideoFrame(width, height, "yuv420p")
        frame.pts, frame.time_base = index * 3000, Fraction(1, 90_000)
        (picture,) = encoder.encode(frame, keyframe=False)
        (decoded,) = decoder.decode(picture.payload, picture.pts)
        assert isinstance(decoded, VideoFrame)
        assert (decoded.width, decoded.height) == (picture.width, picture.height)


def test_video_encoder_scales_down(name: str) -> None:
    (picture,) = encoder_of(name, scale_down_by=2.5).encode(moving_picture(0), keyframe=False)
    assert (picture.width, picture.height) == (128, 96)


def test_video_encoder_accepts_jumping_times(name: str) -> None:
    encoder = encoder_of(name)
    for number, pts in enumerate((0, 3000, 2**40, 5, 5, -900_000, 3_000)):
        frame = moving_picture(number)
        frame.pts = pts
        (picture,) = encoder.encode(frame, keyframe=False)
        assert picture.pts == pts


def test_av1_has_no_temporal_delimiter() -> None:
    encoder = encoder_of("AV1")
    for index in range(3):
        # OBU types (AV1 section 5.3.2): 1 is a sequence header, 2 the delimiter.
        obu_type = one(encoder, index, keyframe=index == 2).payload[0] >> 3 & 15
        assert obu_type != 2
        assert (obu_type == 1) == (index in {0, 2})


def test_h264_parameter_sets_come_with_each_keyframe() -> None:
    encoder = encoder_of("H264")
    for index in range(4):
        payload = one(encoder, index, keyframe=index == 2).payload
        types = {unit[0] & 31 for unit in payload.split(b"\0\0\1")[1:]}
        assert ({7, 8, 5} <= types) == (index in {0, 2})


def test_h264_slices_fit_into_packets_without_fragmentation() -> None:
    codec = replace(codec_named("H264"), parameters=())
    encoder = VideoEncoder(codec, bitrate=3_000_000)
    for index in range(3):
        (picture,) = encoder.encode(moving_picture(index), keyframe=False)
        assert len(picture.payload) > 3000
        assert max(map(len, format_of(codec).packetize(
            picture.payload, keyframe=index == 0, limit=1200
        ))) <= 1200  # fmt: skip


def test_encoder_threads_are_bounded_and_end(name: str) -> None:
    before = len(os.listdir("/proc/self/task"))
    encoder = VideoEncoder(codec_named(name))
    encoder.encode(moving_picture(0, width=1280, height=720), keyframe=False)
    assert len(os.listdir("/proc/self/task")) - before <= 24
    del encoder
    assert len(os.listdir("/proc/self/task")) <= before


def test_video_encoder_bitrate_is_bounded() -> None:
    encoder = encoder_of("VP8")
    encoder.bitrate = 1
    assert encoder.bitrate == MIN_BITRATE


def test_video_encoder_refuses_an_unknown_codec() -> None:
    with pytest.raises(EncodeError, match="video/H266"):
        VideoEncoder(replace(codec_named("VP8"), name="H266"))


def test_video_encoder_continues_with_a_keyframe_after_an_error(name: str) -> None:
    encoder = encoder_of(name)
    one(encoder, 0)
    with pytest.raises(EncodeError, match="no planes"):
        encoder.encode(cast("VideoFrame", Broken()), keyframe=False)
    assert one(encoder, 2).keyframe


def test_representation_of_a_video_encoder_shows_size_and_bitrate() -> None:
    encoder = VideoEncoder(codec_named("VP8"), bitrate=300_000)
    assert repr(encoder) == "<VideoEncoder libvpx not open bitrate=300000 opened=0>"
    encoder.encode(moving_picture(0, width=64, height=48), keyframe=False)
    assert repr(encoder) == "<VideoEncoder libvpx 64x48 bitrate=300000 opened=1>"


def h264(profile_level_id: str, mode: str) -> Codec:
    parameters = (("packetization-mode", mode), ("profile-level-id", profile_level_id))
    return replace(codec_named("H264"), parameters=parameters)


@pytest.mark.parametrize(
    ("profile_level_id", "idc"),
    [("42e01f", 0x42), ("42001f", 0x42), ("4d001f", 0x4D), ("640c1f", 0x64), ("640028", 0x64)],
)
def test_h264_of_mode_0_is_encoded_in_the_profile_agreed_and_fits_packets(
    profile_level_id: str, idc: int
) -> None:
    codec = h264(profile_level_id, "0")
    encoder, payload_format = VideoEncoder(codec, bitrate=6_000_000), format_of(codec)
    decoder = FrameDecoder(codec)
    for index in range(4):
        picture = moving_picture(index, width=640, height=480, noise=120)
        (made,) = encoder.encode(picture, keyframe=index == 2)
        payloads = payload_format.packetize(made.payload, keyframe=made.keyframe, limit=1100)
        # RFC 6184 section 6.2: single NAL units alone.
        kinds = [payload[0] & 0x1F for payload in payloads]
        assert set(kinds) <= {1, 5, 6, 7, 8}
        assert kinds.count(1) + kinds.count(5) > 1
        assert [payload[1] for payload in payloads if payload[0] & 0x1F == 7] == [idc] * (
            index in {0, 2}
        )
        assert len(decoder.decode(payload_format.assemble(payloads), index)) == 1


@pytest.mark.parametrize("profile_level_id", ["6e0028", "f40028", "58001f"])
def test_h264_profile_that_is_not_made_here_is_an_error_by_name(profile_level_id: str) -> None:
    with pytest.raises(EncodeError, match="profile of video/H264"):
        VideoEncoder(h264(profile_level_id, "1"))
