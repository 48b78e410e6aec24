"""Owns streams of codecs that nothing of ours encodes, made by FFmpeg's program."""

from __future__ import annotations

import io
import subprocess
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING

import av
from av.container import InputContainer

from media.sources.passthrough import PassthroughConverter
from tests.support.clock.deadline import DEADLINE
from tests.support.media.encoded import Encoded
from tests.support.media.moving import codec_named
from tests.support.project.tools import tool_path

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec

COUNT, KEYS, RATE = 12, 6, 30
WIDTH, HEIGHT = 176, 112


@dataclass(frozen=True, slots=True)
class Form:
    """A codec with its fmtp parameters, and what makes FFmpeg encode it.

    Args:
        name: Encoding name.
        parameters: Those that make a format of its own.
        library: Encoder of FFmpeg.
        pixels: Pixel format.
        options: Options of the encoder, for real time.
        profile: As ffprobe calls it.
    """

    name: str
    parameters: tuple[tuple[str, str | None], ...]
    library: str
    pixels: str
    options: tuple[str, ...]
    profile: str

    @property
    def codec(self) -> Codec:
        """The codec as it is agreed."""
        return replace(codec_named(self.name), parameters=self.parameters)


_VPX = ("-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0")
_X264 = ("-preset", "ultrafast", "-tune", "zerolatency", "-forced-idr", "1")
_AOM = ("-cpu-used", "8", "-lag-in-frames", "0")
_X265 = (
    *("-preset", "ultrafast", "-tune", "zerolatency", "-x265-params"),
    f"log-level=none:repeat-headers=1:keyint={KEYS}:min-keyint={KEYS}:scenecut=0:open-gop=0",
)


def _h264(profile_level_id: str) -> tuple[tuple[str, str | None], ...]:
    return (("packetization-mode", "1"), ("profile-level-id", profile_level_id))


class Foreign(Enum):
    """Streams that a peer may send."""

    VP9_PROFILE_1 = Form("VP9", (("profile-id", "1"),), "libvpx-vp9", "yuv444p", _VPX, "Profile 1")
    VP9_PROFILE_2 = Form(
        "VP9", (("profile-id", "2"),), "libvpx-vp9", "yuv420p10le", _VPX, "Profile 2"
    )
    AV1_PROFILE_1 = Form("AV1", (("profile", "1"),), "libaom-av1", "yuv444p", _AOM, "High")
    H265_MAIN = Form("H265", (("profile-id", "1"),), "libx265", "yuv420p", _X265, "Main")
    H265_MAIN_10 = Form("H265", (("profile-id", "2"),), "libx265", "yuv420p10le", _X265, "Main 10")
    H265_RANGE = Form("H265", (("profile-id", "4"),), "libx265", "yuv444p", _X265, "Rext")
    H264_HIGH_10 = Form("H264", _h264("6e0028"), "libx264", "yuv420p10le", _X264, "High 10")
    H264_HIGH_444 = Form(
        "H264", _h264("f40028"), "libx264", "yuv444p", _X264, "High 4:4:4 Predictive"
    )


@cache
def foreign(stream: Foreign) -> tuple[Encoded, ...]:
    """Encode twelve frames, two of them key frames, in the form of `EncodedFrame.payload`.

    A test that asks for them needs ffmpeg.
    """
    form = stream.value
    source = f"testsrc=size={WIDTH}x{HEIGHT}:rate={RATE}"
    command = [tool_path("ffmpeg"), "-v", "error", "-f", "lavfi", "-i", source]
    command += ["-frames:v", str(COUNT), "-pix_fmt", form.pixels, "-c:v", form.library]
    # Matroska wants to go back for the header of AV1, and IVF has no H.264.
    container = {"H264": "matroska", "H265": "hevc"}.get(form.name, "ivf")
    command += [*form.options, "-g", str(KEYS), "-f", container, "-"]
    made = subprocess.run(command, capture_output=True, check=True, timeout=DEADLINE).stdout
    with av.open(io.BytesIO(made)) as file:
        assert isinstance(file, InputContainer)
        video = file.streams.video[0]
        packets = [packet for packet in file.demux(video) if packet.size]
        if form.name == "H265":
            # It has start codes and parameter sets already.
            return tuple(Encoded(bytes(p), p.is_keyframe) for p in packets)
        converter = PassthroughConverter(video, stream.name)
        return tuple(Encoded(converter.payload(p)[0], p.is_keyframe) for p in packets)
