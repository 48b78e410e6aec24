"""Spatial layers of VP9 in recordings: players show the uppermost."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from media.recording import ebml
from media.recording.boxes import inside
from media.recording.containers import Container
from media.recording.events import Progress, RecordingFailure, Segment, SegmentEnd
from media.recording.segments import FileNames, SegmentRule
from media.recording.series import FileSeries
from media.recording.timeline import PlacedFrame
from media.recording.vp9_layers import Vp9Layers
from peer import EncodedFrame
from peer.rtp.formats import format_of
from peer.rtp.formats.vp9_bitstream import frames_of
from tests.support.media.layered import LAYERED, UPPER, ivf_frames
from tests.support.media.moving import codec_named
from tests.support.media.recording import complaints, lasting, video

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

    from numpy.typing import NDArray

STEP = Fraction(1, 15)


def shown(decoder: str, pictures: list[bytes]) -> list[list[NDArray[Any]]]:
    """What a decoder shows of each picture, of which it gets the layers one by one."""
    context = av.CodecContext.create(decoder, "r")
    assert isinstance(context, av.VideoCodecContext)
    context.thread_count = 1
    found = []
    for picture in pictures:
        layers = frames_of(picture) if decoder == "vp9" else [picture]
        found.append(
            [
                frame.to_ndarray(format="yuv420p")
                for layer in layers
                for frame in context.decode(av.Packet(layer))
            ]
        )
    return found


@pytest.mark.parametrize("decoder", ["vp9", "libvpx-vp9"])
@pytest.mark.parametrize("path", LAYERED, ids=lambda path: path.stem)
def test_uppermost_layer_of_vp9_is_shown_as_it_was_and_no_other(path: Path, decoder: str) -> None:
    pictures = ivf_frames(path)
    layers = Vp9Layers()
    converted = [layers.convert(picture) for picture in pictures]
    before, after = shown(decoder, pictures), shown(decoder, converted)
    assert [len(each) for each in after] == [1] * len(pictures)
    assert decoder != "vp9" or max(map(len, before)) == 2
    for former, latter in zip(before, after, strict=True):
        np.testing.assert_array_equal(former[-1], latter[0])
    assert layers.is_layered
    assert layers.size == UPPER


def test_vp9_of_one_layer_stays_as_it_is() -> None:
    layers = Vp9Layers()
    for shot in lasting(video("VP9"), 2):
        assert layers.convert(shot.payload) == shot.payload
    assert not layers.is_layered
    assert layers.size == (160, 120)


@pytest.mark.parametrize("path", LAYERED, ids=lambda path: path.stem)
def test_vp9_with_frames_that_are_hidden_already_stays_as_it_is(path: Path) -> None:
    layers, again = Vp9Layers(), Vp9Layers()
    hidden = [layers.convert(picture) for picture in ivf_frames(path)]
    assert [again.convert(picture) for picture in hidden] == hidden
    assert not again.is_layered
    assert again.size == UPPER


def test_vp9_that_is_cut_short_stays_as_it_is() -> None:
    picture = next(each for each in ivf_frames(LAYERED[0]) if len(frames_of(each)) > 1)
    layers = Vp9Layers()
    for end in range(len(picture)):
        assert layers.convert(picture[:end]) == picture[:end]
    # It builds on pictures that are not known.
    assert layers.convert(picture) == picture


class Told:
    """What a series said."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []

    def on_progress(self, progress: Progress) -> None:
        """Note nothing."""

    def on_segment(self, segment: Segment, progress: Progress) -> None:
        self.segments.append(segment)

    def on_failure(self, failure: RecordingFailure) -> None:
        raise failure.error

    def on_keyframe_wanted(self, key: Hashable) -> None:
        """Note nothing."""


def recorded(path: Path, pictures: list[bytes]) -> list[SegmentEnd]:
    """Record pictures, and return why each file ended."""
    told = Told()
    series = FileSeries(FileNames(path), Container.of(path), SegmentRule(), told)
    codec = codec_named("VP9")
    for index, picture in enumerate(pictures):
        shape = format_of(codec).describe(picture)
        time = index * STEP
        pts = round(time * codec.clock_rate)
        frame = EncodedFrame(
            codec=codec,
            payload=picture,
            ssrc=1,
            timestamp=pts,
            pts=pts,
            arrival=float(time),
            keyframe=shape.keyframe,
            width=shape.width,
            height=shape.height,
        )
        series.push(PlacedFrame(0, frame, time, STEP))
        series.advance()
    series.finish()
    return [each.end for each in told.segments]


def header_size(path: Path) -> tuple[int, int]:
    """The size that the header of a file says."""
    media = path.with_suffix(".m4s") if path.suffix == ".m3u8" else path
    data = media.read_bytes()
    if path.suffix == ".webm":
        segment = dict(ebml.elements(data))[ebml.SEGMENT]
        tracks = next(found for each, found in ebml.elements(segment) if each == ebml.TRACKS)
        entry = dict(ebml.elements(dict(ebml.elements(tracks))[ebml.TRACK_ENTRY]))
        sizes = dict(ebml.elements(entry[ebml.VIDEO]))
        width, height = sizes[ebml.PIXEL_WIDTH], sizes[ebml.PIXEL_HEIGHT]
        return int.from_bytes(width, "big"), int.from_bytes(height, "big")
    # ISO/IEC 14496-12 section 8.3.2: the last fields, in 16.16.
    track = next(inside(data, b"moov", b"trak", b"tkhd"))
    return int.from_bytes(track[-8:-6], "big"), int.from_bytes(track[-4:-2], "big")


@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize("suffix", ["webm", "mp4", "m3u8"])
@pytest.mark.parametrize("source", LAYERED, ids=lambda path: path.stem)
def test_file_of_layers_has_the_size_of_the_uppermost_and_one_picture_of_each(
    tmp_path: Path, source: Path, suffix: str
) -> None:
    path = tmp_path / f"out.{suffix}"
    pictures = ivf_frames(source)
    # A layer that comes later, with a key frame or without, begins no other file.
    assert recorded(path, pictures) == [SegmentEnd.STOPPED]
    assert header_size(path) == UPPER
    assert complaints(path, level="error") == ""
    with av.open(str(path)) as file:
        sizes = [(frame.width, frame.height) for frame in file.decode(video=0)]
    assert len(sizes) == len(pictures)
    assert sizes[-1] == UPPER


def test_file_that_begins_with_all_layers_has_the_size_of_the_uppermost(tmp_path: Path) -> None:
    pictures = ivf_frames(LAYERED[1])
    begin = next(
        index
        for index, picture in enumerate(pictures)
        if len(frames_of(picture)) > 1 and format_of(codec_named("VP9")).describe(picture).keyframe
    )
    recorded(tmp_path / "out.webm", pictures[begin:])
    assert header_size(tmp_path / "out.webm") == UPPER
    with av.open(str(tmp_path / "out.webm")) as file:
        assert (file.streams.video[0].width, file.streams.video[0].height) == UPPER
