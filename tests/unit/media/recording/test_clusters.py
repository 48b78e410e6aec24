from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import pytest

from media.recording import ebml
from media.recording.containers import Container
from media.recording.ebml import elements, octets_of
from media.recording.muxer import Muxer
from tests.support.media.recording import audio, lasting, record, spec_of, video


def inside(data: bytes, *path: int) -> list[bytes]:
    """The contents of the elements that lie at this path."""
    found = [content for identifier, content in elements(data) if identifier == path[0]]
    if len(path) == 1:
        return found
    return [deeper for content in found for deeper in inside(content, *path[1:])]


@pytest.mark.parametrize("names", [["opus", "VP8"], ["opus"]])
def test_what_the_head_points_at_is_there(tmp_path: Path, names: list[str]) -> None:
    path = tmp_path / "a.webm"
    streams = [audio(0), video("VP8", 1)][: len(names)]
    shots = [shot for stream in streams for shot in lasting(stream, 12)]
    record(path, Container.WEBM, [spec_of(name) for name in names], shots)
    data = path.read_bytes()
    (segment,) = inside(data, ebml.SEGMENT)
    # Its size is known at the end.
    assert data.endswith(segment)
    assert ebml.size_of(len(segment)) in data[: len(data) - len(segment)]
    seeks = inside(segment, ebml.SEEK_HEAD, ebml.SEEK)
    places = {
        inside(seek, ebml.SEEK_ID)[0]: int.from_bytes(inside(seek, ebml.SEEK_POSITION)[0], "big")
        for seek in seeks
    }
    assert list(places) == [octets_of(one) for one in (ebml.INFO, ebml.TRACKS, ebml.CUES)]
    for name, position in places.items():
        assert segment[position:].startswith(name)
    cues = inside(segment, ebml.CUES, ebml.CUE_POINT)
    times = [int.from_bytes(inside(cue, ebml.CUE_TIME)[0], "big") for cue in cues]
    # Each picture that is a key frame, or now and then a packet of sound.
    assert times == ([index * 1000 for index in range(12)] if len(names) == 2 else [0, 5000, 10000])
    for cue in cues:
        (place,) = inside(cue, ebml.CUE_TRACK_POSITIONS, ebml.CUE_CLUSTER_POSITION)
        cluster = segment[int.from_bytes(place, "big") :]
        assert cluster.startswith(octets_of(ebml.CLUSTER))


def test_a_stream_that_comes_a_little_later_is_put_where_it_belongs(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    muxer = Muxer(path, Container.MATROSKA, [spec_of("opus"), spec_of("VP8")])
    shots = [*lasting(audio(0), 2), *lasting(video("VP8", 1), 2)]
    for shot in sorted(shots, key=lambda shot: shot.pts + Fraction(3 - 3 * shot.stream, 100)):
        shot.write(muxer)
    muxer.close()
    with av.open(str(path)) as source:
        found = [packet.pts for packet in source.demux() if packet.pts is not None]
    # But for what falls on the edges of clusters.
    backwards = sum(after < before for before, after in itertools.pairwise(found))
    assert backwards <= 4
