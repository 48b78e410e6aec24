"""Recordings of what befalls a call, made faster than it lasts, for players to judge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, assert_never

from media.recording.containers import Container, passes
from media.recording.segments import FileNames, SegmentRule
from media.recording.series import FileSeries
from media.recording.timeline import PlacedFrame
from peer import EncodedFrame
from peer.rtp.formats import format_of
from peer.rtp_parameters import MediaKind
from tests.support.media.b_frames import SETTINGS, hevc_with_b_frames, with_b_frames
from tests.support.media.encoded import HEIGHT, WIDTH, encode
from tests.support.media.layered import LAYERED, UPPER, ivf_frames
from tests.support.media.moving import codec_named
from tests.support.media.recording import LOOP, PICTURE, SMALL, Shot, audio, lasting, video
from tests.support.media.series_told import Told

if TYPE_CHECKING:
    from pathlib import Path

#: Seconds of a recording.
SECONDS = 6
_LARGE = (320, 240)
_SOUND, _PICTURES = 0, 1
#: The codec of recordings of sound alone.
SOUND_ALONE = "opus"
_X264 = "keyint=30:min-keyint=30:scenecut=0:repeat-headers=1"


class Situation(StrEnum):
    """Names of the situations, as the table of docs/RECORDING.md has them."""

    PLAIN = "nothing"
    LATE_PICTURE = "late picture"
    LATE_SOUND = "late sound"
    MUTED = "muted"
    CAMERA_STOPS = "camera stops"
    SLOW = "2 pictures a second"
    SIZE = "change of size"
    B_FRAMES = "B-frames"
    LAYERS = "layers (SVC)"
    ODD_H264 = "slices, SEI, AUD"

    def concerns(self, codec: str) -> bool:
        """Tell if it happens to a codec at all."""
        if codec == SOUND_ALONE:
            return self in (Situation.PLAIN, Situation.MUTED)
        match self:
            case Situation.B_FRAMES:
                return codec in ("H264", "H265")
            case Situation.LAYERS:
                return codec == "VP9"
            case Situation.ODD_H264:
                return codec == "H264"
            case _:
                return True


#: Codecs of pictures and the containers that take them as they come, and sound alone in each.
HOLDERS = tuple(
    (container, name)
    for container in Container
    for name in ("VP8", "VP9", "H264", "H265", "AV1", SOUND_ALONE)
    if passes(container, codec_named(name))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """File of a recording, and what is in it.

    Args:
        path: The file.
        seconds: Its duration.
        pictures: Number of its pictures; 0 for sound alone.
        sizes: Widths and heights of them; a header has one of these. 0 by 0 for sound alone.
    """

    path: Path
    seconds: float
    pictures: int
    sizes: frozenset[tuple[int, int]]


def media_type(container: Container, name: str, *, hls_js: bool = False) -> str:
    """Return the type that browsers are asked about for a codec in a container."""
    codecs = {
        "VP8": "vp8",
        "VP9": "vp09.00.10.08",
        "H264": "avc1.42c01f",
        "H265": "hvc1.1.6.L93.B0",
        "AV1": "av01.0.04M.08",
    }
    kinds = {
        Container.MP4: "video/mp4",
        # What is in the segments; a playlist says nothing.
        Container.HLS: "video/mp4",
        Container.WEBM: "video/webm",
        Container.MATROSKA: "video/x-matroska",
        Container.OGG: "video/ogg",
    }
    if name == SOUND_ALONE:
        kind = kinds[container].replace("video", "audio")
        # Browsers know that of Matroska by its name for pictures only.
        return f'{"video/x-matroska" if container is Container.MATROSKA else kind}; codecs="opus"'
    return f'{kinds[container]}; codecs="{codecs[name]}, opus"'


def make(folder: Path, container: Container, name: str, situation: Situation) -> list[Recorded]:
    """Record a situation; returns the files of the recording."""
    shots = [] if name == SOUND_ALONE else _pictures(name, situation)
    offsets = [Fraction(0)] * len(shots)
    told = Told()
    path = folder / f"{name}-{situation.name.lower()}{container.suffix}"
    series = FileSeries(FileNames(path), container, SegmentRule(), told)
    series.expect(_SOUND, codec_named("opus"))
    if shots:
        series.expect(_PICTURES)
    if situation is Situation.B_FRAMES:
        _, offsets = _reordered(name)
    placed = [_placed("opus", shot, SMALL) for shot in _sounds(situation)]
    placed += [
        replace(_placed(name, shot, size), offset=offset)
        for (shot, size), offset in zip(shots, offsets, strict=True)
    ]
    for each in sorted(placed, key=lambda each: (each.time, each.key)):
        series.push(each)
        series.advance()
    series.finish()
    assert not told.failures
    parts = [shots]
    if len(told.segments) > 1:
        parts = [[each for each in shots if each[1] == size] for size in (SMALL, _LARGE)]
    return [
        Recorded(
            path=made.path,
            seconds=made.duration,
            pictures=len(part),
            sizes=frozenset(size for _, size in part) or frozenset({(0, 0)}),
        )
        for made, part in zip(told.segments, parts, strict=True)
    ]


def _sounds(situation: Situation) -> list[Shot]:
    sounds = lasting(audio(_SOUND), SECONDS)
    match situation:
        case Situation.MUTED:
            return [each for each in sounds if not 2 <= each.pts < 4]
        case Situation.LATE_SOUND:
            return [each for each in sounds if each.pts >= 2]
        case _:
            return sounds


def _pictures(name: str, situation: Situation) -> list[tuple[Shot, tuple[int, int]]]:
    small = [(each, SMALL) for each in lasting(video(name, _PICTURES), SECONDS)]
    match situation:
        case Situation.PLAIN | Situation.MUTED | Situation.LATE_SOUND:
            return small
        case Situation.LATE_PICTURE:
            return [each for each in small if each[0].pts >= 2]
        case Situation.CAMERA_STOPS:
            return [each for each in small if not 2 <= each[0].pts < 4]
        case Situation.SLOW:
            # Each second two key frames: their encoder is not asked to predict over half a second.
            key = small[0][0]
            step = Fraction(1, 2)
            return [
                (replace(key, pts=number * step, duration=step if number else PICTURE), SMALL)
                for number in range(2 * SECONDS)
            ]
        case Situation.SIZE:
            half = Fraction(SECONDS, 2)
            larger = lasting(video(name, _PICTURES, start=half, size=_LARGE), half)
            return [each for each in small if each[0].pts < half] + [(e, _LARGE) for e in larger]
        case Situation.B_FRAMES:
            return _reordered(name)[0]
        case Situation.LAYERS:
            shape = format_of(codec_named(name))
            layered = ivf_frames(LAYERED[1])
            # The upper layer begins with the last key frame.
            keys = [n for n, data in enumerate(layered) if shape.describe(data).keyframe]
            layered = layered[keys[-1] :]
            return [
                (Shot(_PICTURES, data, n * PICTURE, PICTURE, shape.describe(data).keyframe), UPPER)
                for n, data in enumerate(islice(layered * SECONDS * LOOP, SECONDS * LOOP))
            ]
        case Situation.ODD_H264:
            frames = islice(_odd() * SECONDS, SECONDS * LOOP)
            return [
                (Shot(_PICTURES, data, number * PICTURE, PICTURE, key), SMALL)
                for number, (data, key) in enumerate(frames)
            ]
        case _:
            assert_never(situation)


@cache
def _reordered(name: str) -> tuple[list[tuple[Shot, tuple[int, int]]], list[Fraction]]:
    """Encode pictures that are decoded in another order than shown; and how much later they are."""
    count = SECONDS * LOOP
    made = hevc_with_b_frames(count=count)
    if name == "H264":
        made = with_b_frames(SETTINGS["pyramid"], count=count)
    shots = [
        (Shot(_PICTURES, each.data, index * PICTURE, PICTURE, each.keyframe), (WIDTH, HEIGHT))
        for index, each in enumerate(made)
    ]
    # None is shown before it is decoded: all are as much later as the one that is latest.
    first = min(each.pts - index for index, each in enumerate(made))
    return shots, [(each.pts - index - first) * PICTURE for index, each in enumerate(made)]


@cache
def _odd() -> tuple[tuple[bytes, bool], ...]:
    """Encode a second of H.264 as cameras do: delimiters, several slices, SEI."""
    options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": f"aud=1:slices=4:sliced-threads=1:nal-hrd=vbr:vbv-bufsize=800:{_X264}",
        "maxrate": "800k",
    }
    width, height = SMALL
    frames = encode("libx264", options, width=width, height=height, count=LOOP, second_key=None)
    return tuple((frame.data, frame.keyframe) for frame in frames)


def _placed(name: str, shot: Shot, size: tuple[int, int]) -> PlacedFrame:
    codec = codec_named(name)
    width, height = size if codec.kind is MediaKind.VIDEO else (None, None)
    pts = round(shot.pts * codec.clock_rate)
    frame = EncodedFrame(
        codec=codec,
        payload=shot.payload,
        ssrc=shot.stream,
        timestamp=pts,
        pts=pts,
        arrival=float(shot.pts),
        keyframe=shot.keyframe,
        width=width,
        height=height,
    )
    return PlacedFrame(shot.stream, frame, shot.pts, shot.duration)
