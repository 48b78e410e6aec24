"""Owns how each library of pictures is opened to encode in real time, one in and one out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from av import CodecContext, VideoCodecContext

from peer.rtp.codecs.picture_shape import FORMAT, SizeRule
from peer.rtp.codecs.rate import FRAMERATE, ByContext, ByLeavingOut, ByTime
from peer.rtp.codecs.scheduling import ordinary_scheduling

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.codecs.rate import RateControl

TIME_BASE = Fraction(1, 90_000)
# Pictures between two key frames that nobody asked for: 100 minutes.
KEYFRAME_DISTANCE = 180_000
MAX_THREADS = 4
# In octets: what every packet holds, with room for its headers.
SLICE_SIZE = 1000


@dataclass(frozen=True, slots=True)
class VideoLibrary:
    """What there is to know of a library.

    Args:
        options: For a bitrate in bits a second and a number of threads.
        rate_control: How its bitrate is changed.
        size: What sizes it takes.
        own_threads: Whether it has its number of threads from `options`.
        profile: As av names it; None for the library's choice.
    """

    options: Callable[[int, int], dict[str, str]]
    rate_control: Callable[[], RateControl]
    size: SizeRule = SizeRule()  # noqa: RUF009 - frozen
    own_threads: bool = False
    profile: str | None = None


def open_encoder(
    name: str,
    *,
    width: int,
    height: int,
    bitrate: int,
    undivided: bool = False,
    cores: int | None = None,
) -> VideoCodecContext:
    """An encoder's context, to be opened by its first picture.

    Args:
        name: A key of `LIBRARIES`.
        width: In pixels.
        height: In pixels.
        bitrate: In bits a second.
        undivided: Whether each slice of H264 has to fit into a packet.
        cores: Of this machine; None to find out.
    """
    library = LIBRARIES[name]
    threads = threads_for(width * height, cores or os.cpu_count() or 1)
    context = cast("VideoCodecContext", CodecContext.create(name, "w"))
    context.width = width
    context.height = height
    context.pix_fmt = FORMAT
    context.time_base = TIME_BASE
    context.framerate = Fraction(FRAMERATE)
    context.bit_rate = bitrate
    context.gop_size = KEYFRAME_DISTANCE
    context.options = library.options(bitrate, threads)
    if undivided and name == "libx264":
        context.options |= {"x264-params": f"slice-max-size={SLICE_SIZE}"}
    if library.profile is not None:
        context.profile = library.profile
    if not library.own_threads:
        context.thread_count = threads
    if name == "libsvtav1":
        # It would write its settings to stderr each time it is opened.
        os.environ.setdefault("SVT_LOG", "0")
        with ordinary_scheduling():
            context.open()
    return context


def threads_for(pixels: int, cores: int) -> int:
    """How many threads work on one picture: more than one only where it is large."""
    wanted = 1 if pixels <= 640 * 480 else 2 if pixels <= 1280 * 720 else MAX_THREADS
    return max(1, min(wanted, cores - 1))


def _libvpx(bitrate: int) -> dict[str, str]:
    return {
        "deadline": "realtime",
        "lag-in-frames": "0",
        # Equal rates make it keep to them; the buffer is one second.
        "minrate": str(bitrate),
        "maxrate": str(bitrate),
        "bufsize": str(bitrate),
        "overshoot-pct": "15",
        "undershoot-pct": "100",
        "static-thresh": "1",
        "qmin": "2",
        "qmax": "56",
    }


def _vp8(bitrate: int, threads: int) -> dict[str, str]:
    return {**_libvpx(bitrate), "cpu-used": "-6"}


def _vp9(bitrate: int, threads: int) -> dict[str, str]:
    return {
        **_libvpx(bitrate),
        "cpu-used": "8",
        "aq-mode": "3",
        "row-mt": "1" if threads > 1 else "0",
        "tile-columns": str(threads.bit_length() - 1),
    }


def _h264(bitrate: int, threads: int) -> dict[str, str]:
    return {
        "preset": "veryfast",
        "tune": "zerolatency",
        "forced-idr": "1",
        "sc_threshold": "0",
        # Equal to the bit_rate, so that it can be lowered later; see `ByContext`.
        "maxrate": str(bitrate),
        "bufsize": str(bitrate // 4),
    }


def _av1(bitrate: int, threads: int) -> dict[str, str]:
    return {
        "preset": "11",
        # Low delay, constant bitrate, no looking ahead, no key frame that nobody asked for.
        "svtav1-params": f"pred-struct=1:rc=2:lookahead=0:rtc=1:scd=0:lp={threads}",
    }


LIBRARIES: dict[str, VideoLibrary] = {
    "libvpx": VideoLibrary(_vp8, ByTime),
    "libvpx-vp9": VideoLibrary(_vp9, ByTime),
    "libx264": VideoLibrary(_h264, ByContext, SizeRule(even=True), profile="Baseline"),
    "libsvtav1": VideoLibrary(_av1, ByLeavingOut, SizeRule(least=64), own_threads=True),
}
