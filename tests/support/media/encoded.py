"""Frames that real encoders make, and video that real decoders make of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

import av
import numpy as np
from av import CodecContext, VideoCodecContext, VideoFrame, VideoStream
from av.packet import Packet
from av.video.frame import PictureType

from peer.rtp.codecs.scheduling import ordinary_scheduling

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

WIDTH, HEIGHT = 176, 112
#: Frames of each stream; encoders are made to give a second keyframe on the way.
COUNT = 8
SECOND_KEY = 5
RATE = 30
BITRATE = 3_000_000


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded frame, whether its encoder calls it a keyframe, and the number of its picture."""

    data: bytes
    keyframe: bool
    pts: int = 0


ENCODERS = {
    "VP8": ("libvpx", {"deadline": "realtime", "lag-in-frames": "0", "cpu-used": "8"}),
    "VP9": ("libvpx-vp9", {"deadline": "realtime", "lag-in-frames": "0", "cpu-used": "8"}),
    "H264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}),
    "H265": (
        "libx265",
        {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "x265-params": "log-level=none:repeat-headers=1",
        },
    ),
    "AV1": ("libsvtav1", {"preset": "12", "svtav1-params": "pred-struct=1:rc=2:lp=1"}),
}
_DECODERS = {"VP8": "vp8", "VP9": "vp9", "H264": "h264", "H265": "hevc", "AV1": "libdav1d"}


def pictures(
    width: int, height: int, pixels: str, count: int, second_key: int | None = SECOND_KEY
) -> list[VideoFrame]:
    """Make noise beside a plain half that changes, so that frames fill several packets."""
    source = np.random.default_rng(1)
    made = []
    for number in range(count):
        samples = source.integers(0, 256, (height, width, 3), np.uint8)
        samples[:, : width // 2] = number * 20 % 256
        frame = VideoFrame.from_ndarray(samples, format="rgb24").reformat(format=pixels)
        frame.pts = number
        frame.time_base = Fraction(1, RATE)
        if number == second_key:
            frame.pict_type = PictureType.I
        made.append(frame)
    return made


def encode(
    library: str,
    options: dict[str, str],
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    pixels: str = "yuv420p",
    count: int = COUNT,
    second_key: int | None = SECOND_KEY,
) -> tuple[Encoded, ...]:
    """Encode `count` video frames with an encoder of PyAV."""
    # SVT-AV1 would write its settings to stderr each time it is opened.
    os.environ.setdefault("SVT_LOG", "0")
    context = CodecContext.create(library, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = width, height
    context.pix_fmt = pixels
    context.time_base = Fraction(1, RATE)
    context.framerate = Fraction(RATE)
    context.bit_rate = BITRATE
    context.options = options
    packets = []
    with ordinary_scheduling():
        context.open()
    for frame in pictures(width, height, pixels, count, second_key):
        packets += context.encode(frame)
    packets += context.encode(None)
    return tuple(Encoded(bytes(p), p.is_keyframe, p.pts or 0) for p in packets)


@cache
def encoded(name: str) -> tuple[Encoded, ...]:
    """Encode a small stream of a codec, with two keyframes."""
    return encode(*ENCODERS[name])


def decoded(name: str, frames: Iterable[bytes]) -> list[NDArray[np.uint8]]:
    """Decode whole frames to yuv420p samples."""
    context = CodecContext.create(_DECODERS[name], "r")
    assert isinstance(context, VideoCodecContext)
    made = []
    for frame in frames:
        made += context.decode(Packet(frame))
    made += context.decode(None)
    return [picture.to_ndarray().astype(np.uint8, copy=False) for picture in made]


class _Sink:
    """Collects the packets that FFmpeg's muxer writes."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.packets.append(bytes(data))
        return len(data)


@cache
def sent_by_ffmpeg(name: str) -> tuple[tuple[Encoded, ...], tuple[bytes, ...]]:
    """Encode a stream, and return its frames and the RTP packets of FFmpeg's own packetiser."""
    os.environ.setdefault("SVT_LOG", "0")
    library, options = ENCODERS[name]
    sink, frames = _Sink(), []
    muxing = {"packetsize": "1200", "strict": "experimental"}
    with av.open(sink, "w", format="rtp", options=muxing) as container:
        stream = container.add_stream(library, rate=RATE, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = BITRATE
        with ordinary_scheduling():
            stream.codec_context.open()
        for picture in (*pictures(WIDTH, HEIGHT, "yuv420p", COUNT), None):
            for packet in stream.encode(picture):
                frames.append(Encoded(bytes(packet), packet.is_keyframe))
                container.mux(packet)
    # RFC 5761 section 4: RTCP goes the same way.
    rtp = tuple(packet for packet in sink.packets if not 192 <= packet[1] <= 223)
    return tuple(frames), rtp
