"""Owns streams to record, and what is found in files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import av

from media.recording.muxer import Muxer
from media.recording.parameters import StreamSpec
from peer.rtp.codecs import AudioEncoder, VideoEncoder
from tests.support.clock.deadline import DEADLINE
from tests.support.media.encoded import ENCODERS, encode
from tests.support.media.moving import codec_named, moving_picture, sound_at
from tests.support.project.tools import tool_path

if TYPE_CHECKING:
    from media.recording.containers import Container

PICTURE = Fraction(1, 30)
SOUND = Fraction(1, 50)
#: Pictures before a stream repeats, the first of which is a key frame.
LOOP = 30
SMALL = (160, 120)

#: Names of the codecs whose frames pass into some container.
VIDEO = ("VP8", "VP9", "H264", "H265", "AV1")
AUDIO = ("opus",)


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame for a file: of which stream, its time and how long it lasts, in seconds."""

    stream: int
    payload: bytes
    pts: Fraction
    duration: Fraction
    keyframe: bool = True

    def write(self, muxer: Muxer) -> None:
        muxer.write(self.stream, self.payload, self.pts, self.duration, keyframe=self.keyframe)


@cache
def _pictures(name: str, size: tuple[int, int]) -> tuple[tuple[bytes, bool], ...]:
    width, height = size
    if name == "H265":
        # Nothing of ours encodes it.
        library, options = ENCODERS[name]
        frames = encode(library, options, width=width, height=height, count=LOOP, second_key=None)
        return tuple((frame.data, frame.keyframe) for frame in frames)
    encoder = VideoEncoder(codec_named(name))
    return tuple(
        (picture.payload, picture.keyframe)
        for index in range(LOOP)
        for picture in encoder.encode(
            moving_picture(index, width=width, height=height), keyframe=index == 0
        )
    )


@cache
def _packets() -> tuple[bytes, ...]:
    encoder = AudioEncoder(codec_named("opus"))
    return tuple(
        packet.payload for index in range(50) for packet in encoder.encode(sound_at(index))
    )


def video(
    name: str, stream: int = 0, *, start: Fraction = Fraction(0), size: tuple[int, int] = SMALL
) -> Iterator[Shot]:
    """Pictures without end, from `start` seconds on; each second begins with a key frame."""
    index = 0
    while True:
        payload, keyframe = _pictures(name, size)[index % LOOP]
        yield Shot(stream, payload, start + index * PICTURE, PICTURE, keyframe)
        index += 1


def audio(stream: int = 0, *, start: Fraction = Fraction(0)) -> Iterator[Shot]:
    """Sound without end, from `start` seconds on."""
    index = 0
    while True:
        packets = _packets()
        yield Shot(stream, packets[index % len(packets)], start + index * SOUND, SOUND)
        index += 1


def lasting(shots: Iterator[Shot], seconds: Fraction | int) -> list[Shot]:
    """Those of a stream that begin before so many seconds have passed since its first."""
    first = next(shots)
    count = -(-seconds // first.duration) - 1
    return [first, *islice(shots, int(count))]


def spec_of(name: str, size: tuple[int, int] = SMALL) -> StreamSpec:
    """What a muxer wants to know of such a stream."""
    first = _pictures(name, size)[0][0] if name in VIDEO else b""
    return StreamSpec(codec_named(name), first)


def record(
    path: Path, container: Container, streams: Iterable[StreamSpec], shots: Iterable[Shot]
) -> None:
    """Write a file, in the order of time."""
    muxer = Muxer(path, container, list(streams))
    for shot in sorted(shots, key=lambda shot: (shot.pts, shot.stream)):
        shot.write(muxer)
    muxer.close()


@dataclass(frozen=True, slots=True)
class Found:
    """A packet in a file: its time in seconds, and what is in it."""

    pts: float
    payload: bytes
    keyframe: bool


def read(path: Path) -> dict[int, list[Found]]:
    """The packets of each stream."""
    found: dict[int, list[Found]] = {}
    with av.open(str(path)) as source:
        for stream in source.streams:
            found[stream.index] = []
        for packet in source.demux():
            if packet.pts is not None:
                pts = float(packet.pts * packet.time_base)
                found[packet.stream_index].append(Found(pts, bytes(packet), packet.is_keyframe))
    return found


def times(path: Path) -> dict[int, list[float]]:
    """The times of the packets of each stream, in seconds."""
    return {stream: [packet.pts for packet in packets] for stream, packets in read(path).items()}


def complaints(path: Path, *, level: str = "warning") -> str:
    """What FFmpeg says while it decodes a whole file; nothing where all is well.

    Args:
        path: The file.
        level: What is said at least: `warning` or `error`.

    Raises:
        subprocess.CalledProcessError: It gave up.
    """
    command = [tool_path("ffmpeg"), "-v", level, "-xerror", "-i", str(path)]
    done = subprocess.run(
        [*command, "-map", "0", "-f", "null", "-"],
        capture_output=True,
        check=True,
        timeout=DEADLINE,
        text=True,
    )
    # That of mono is no complaint.
    said = done.stderr.splitlines(keepends=True)
    return "".join(line for line in said if not line.startswith("Guessed Channel Layout"))
