"""Conversion of video frames to the format and size of an encoder."""

from __future__ import annotations

import pytest
from av import VideoFrame

from peer.rtp.codecs.video_scaler import SizeRule, VideoScaler, target_size
from tests.support.media.frames import flat_picture

EVEN = SizeRule(even=True)


@pytest.mark.parametrize(
    ("size", "rule", "scale", "expected"),
    [
        ((640, 480), SizeRule(), 1.0, (640, 480)),
        ((641, 481), SizeRule(), 1.0, (641, 481)),
        ((641, 481), EVEN, 1.0, (640, 480)),
        ((640, 480), SizeRule(), 2.0, (320, 240)),
        ((640, 480), SizeRule(), 1.5, (426, 320)),
        ((640, 480), SizeRule(), 1000.0, (2, 2)),
        ((32, 16), SizeRule(least=64), 1.0, (128, 64)),
        ((640, 480), SizeRule(least=64), 100.0, (84, 64)),
        ((1, 1), SizeRule(), 1.0, (2, 2)),
    ],
)
def test_target_size(
    size: tuple[int, int], rule: SizeRule, scale: float, expected: tuple[int, int]
) -> None:
    assert target_size(width=size[0], height=size[1], rule=rule, scale_down_by=scale) == expected


def test_scaler_copies_a_frame_of_the_right_size() -> None:
    frame = flat_picture(18, 14)
    shaped = VideoScaler().scale(frame, width=18, height=14)
    assert shaped is not frame
    assert shaped.to_ndarray().tobytes() == frame.to_ndarray().tobytes()
    assert shaped.pts is None


def test_scaler_cuts_an_odd_row_without_blur() -> None:
    frame = VideoFrame(17, 15, "yuv420p")
    for value, plane in zip((10, 20, 30), frame.planes, strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    shaped = VideoScaler().scale(frame, width=16, height=14)
    assert (shaped.width, shaped.height) == (16, 14)
    assert set(shaped.to_ndarray().ravel().tolist()) == {10, 20, 30}


@pytest.mark.parametrize("format_name", ["rgb24", "nv12", "yuv444p", "gray", "yuvj420p"])
@pytest.mark.parametrize("size", [(64, 48), (32, 24)])
def test_scaler_converts_pixel_formats(format_name: str, size: tuple[int, int]) -> None:
    frame = flat_picture(64, 48).reformat(format=format_name)
    shaped = VideoScaler().scale(frame, width=size[0], height=size[1])
    assert (shaped.width, shaped.height, shaped.format.name) == (*size, "yuv420p")
    assert frame.format.name == format_name
