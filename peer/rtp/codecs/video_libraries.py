"""Opens the encoder of each video library for real time: one frame in, one frame out."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, cast

from av import CodecContext, VideoCodecContext

from peer.h264_profile import H264Profile
from peer.rtp.codecs.rate_control import (
    FRAMERATE,
    ContextRateControl,
    FrameDropRateControl,
    TimestampRateControl,
)
from peer.rtp.codecs.scheduling import ordinary_scheduling
from peer.rtp.codecs.video_scaler import SizeRule
from peer.rtp.yuv420p import PIXEL_FORMAT
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.codecs.rate_control import EncoderRateControl

TIME_BASE = Fraction(1, 90_000)
#: Frames between two keyframes without a request (ours): 100 minutes at 30 Hz.
KEYFRAME_DISTANCE = 180_000
#: Threads of one encoder at most (ours).
MAX_THREADS = 4
#: Octets of an H264 slice that fits into any packet with its headers (ours).
SLICE_SIZE = 1000
#: Profiles that libx264 makes of 8 bits a sample and 4:2:0, as PyAV names them: its baseline and,
#: without B-frames and interlacing, its High are the constrained ones.
H264_PROFILES = {
    H264Profile.CONSTRAINED_BASELINE: "Baseline",
    H264Profile.BASELINE: "Baseline",
    H264Profile.MAIN: "Main",
    H264Profile.CONSTRAINED_HIGH: "High",
    H264Profile.HIGH: "High",
}


class LibraryOptions(Protocol):
    """Gives the options that a library is opened with."""

    def __call__(self, *, bitrate: int, threads: int) -> dict[str, str]:
        """Return the options for a bitrate in bits/s and a number of threads."""
        ...


@dataclass(frozen=True, slots=True)
class VideoLibrary:
    """Properties of a video library.

    Args:
        options: Options for a bitrate and a number of threads.
        rate_control: Creates the rate control of one encoder.
        size: Frame sizes that the library takes.
        own_threads: Whether `options` sets the number of threads.
    """

    options: LibraryOptions
    rate_control: Callable[[], EncoderRateControl]
    size: SizeRule = SizeRule()
    own_threads: bool = False


def open_encoder(
    name: str,
    *,
    width: int,
    height: int,
    bitrate: int,
    small_slices: bool = False,
    profile: H264Profile = H264Profile.CONSTRAINED_BASELINE,
    cores: int | None = None,
) -> VideoCodecContext:
    """Create the context of an encoder, which its first frame opens.

    Args:
        name: A key of `LIBRARIES`.
        width: Width in pixels.
        height: Height in pixels.
        bitrate: In bits/s.
        small_slices: Whether each slice of H264 has to fit into a packet.
        profile: A key of `H264_PROFILES`; only H264 has a choice.
        cores: CPU cores of this machine; None to find out.
    """
    library = LIBRARIES[name]
    threads = threads_for(width * height, cores=cores or os.cpu_count() or 1)
    context = cast("VideoCodecContext", CodecContext.create(name, "w"))
    context.width = width
    context.height = height
    context.pix_fmt = PIXEL_FORMAT
    context.time_base = TIME_BASE
    context.framerate = Fraction(FRAMERATE)
    context.bit_rate = bitrate
    context.gop_size = KEYFRAME_DISTANCE
    context.options = library.options(bitrate=bitrate, threads=threads)
    if small_slices and name == "libx264":
        context.options |= {"x264-params": f"slice-max-size={SLICE_SIZE}"}
    if name == "libx264":
        context.profile = H264_PROFILES[profile]
    if not library.own_threads:
        context.thread_count = threads
    if name == "libsvtav1":
        # SVT-AV1 would write its settings to stderr each time it is opened.
        os.environ.setdefault("SVT_LOG", "0")
        with ordinary_scheduling():
            context.open()
    return context


def threads_for(pixels: int, *, cores: int) -> int:
    """Return the number of threads of an encoder: more than one only for large frames."""
    wanted = 1 if pixels <= 640 * 480 else 2 if pixels <= 1280 * 720 else MAX_THREADS
    return max(1, min(wanted, cores - 1))


def _libvpx(bitrate: int) -> dict[str, str]:
    return {
        "deadline": "realtime",
        "lag-in-frames": "0",
        # Equal rates make libvpx keep to them; the buffer is one second.
        "minrate": str(bitrate),
        "maxrate": str(bitrate),
        "bufsize": str(bitrate),
        "overshoot-pct": "15",
        "undershoot-pct": "100",
        "static-thresh": "1",
        "qmin": "2",
        "qmax": "56",
    }


def _vp8(*, bitrate: int, threads: int) -> dict[str, str]:
    return {**_libvpx(bitrate), "cpu-used": "-6"}


def _vp9(*, bitrate: int, threads: int) -> dict[str, str]:
    return {
        **_libvpx(bitrate),
        "cpu-used": "8",
        "aq-mode": "3",
        "row-mt": "1" if threads > 1 else "0",
        "tile-columns": str(threads.bit_length() - 1),
    }


def _h264(*, bitrate: int, threads: int) -> dict[str, str]:
    return {
        "preset": "veryfast",
        "tune": "zerolatency",
        "forced-idr": "1",
        "sc_threshold": "0",
        # Equal to the bit_rate, so that it can be lowered later; see `ContextRateControl`.
        "maxrate": str(bitrate),
        "bufsize": str(bitrate // 4),
    }


def _av1(*, bitrate: int, threads: int) -> dict[str, str]:
    return {
        "preset": "11",
        # Low delay, constant bitrate, no lookahead, no keyframes without a request.
        "svtav1-params": f"pred-struct=1:rc=2:lookahead=0:rtc=1:scd=0:lp={threads}",
    }


LIBRARIES: dict[str, VideoLibrary] = {
    "libvpx": VideoLibrary(_vp8, TimestampRateControl),
    "libvpx-vp9": VideoLibrary(_vp9, TimestampRateControl),
    "libx264": VideoLibrary(_h264, ContextRateControl, SizeRule(even=True)),
    "libsvtav1": VideoLibrary(_av1, FrameDropRateControl, SizeRule(least=64), own_threads=True),
}
