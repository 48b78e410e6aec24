"""Codecs that are taken from a few peers only, in the containers that have them as they came."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from media.recording.containers import Container, passes
from media.recording.muxer import Muxer
from media.recording.parameters import StreamSpec
from media.recording.segments import Shape
from tests.support.clock.deadline import DEADLINE
from tests.support.media.foreign import HEIGHT, RATE, WIDTH, Foreign, foreign
from tests.support.media.recording import complaints, lasting, record, spec_of, times, video
from tests.support.peers.marks import EVERYTHING
from tests.support.project.tools import tool_path

pytestmark = pytest.mark.needs("ffmpeg")

#: Those of which every run writes all containers; of the others it writes MP4.
WIDELY = (Foreign.VP9_PROFILE_2, Foreign.H265_MAIN_10)
HOLDING = [
    pytest.param(container, stream, id=f"{stream.name}-{container.value}")
    for container in Container
    for stream in Foreign
    if passes(container, stream.value.codec)
    if EVERYTHING or container is Container.MP4 or stream in WIDELY
]


def probe(path: Path, entry: str) -> str:
    """What ffprobe says of the pictures of a file."""
    # They come together.
    program = Path(tool_path("ffmpeg")).with_name("ffprobe")
    command = [str(program), "-v", "error", "-select_streams", "v", "-of", "csv=p=0"]
    said = subprocess.run(
        [*command, "-show_entries", f"stream={entry}", str(path)],
        capture_output=True,
        check=True,
        timeout=DEADLINE,
        text=True,
    ).stdout
    # A playlist has them in its programs as well.
    return said.split("\n")[0]


@pytest.mark.parametrize(("container", "stream"), HOLDING)
def test_rare_profile_is_in_the_file_as_it_came_with_a_header_that_says_so(
    tmp_path: Path, container: Container, stream: Foreign
) -> None:
    path = tmp_path / f"a{container.suffix}"
    frames = foreign(stream)
    muxer = Muxer(path, container, [StreamSpec(stream.value.codec, frames[0].data)])
    for index, frame in enumerate(frames):
        pts, duration = Fraction(index, RATE), Fraction(1, RATE)
        muxer.write(0, frame.data, pts, duration, keyframe=frame.keyframe)
    muxer.close()
    assert len(times(path)[0]) == len(frames)
    assert complaints(path) == ""
    profile, width, height, pixels = probe(path, "profile,width,height,pix_fmt").split(",")
    assert (profile, pixels) == (stream.value.profile, stream.value.pixels)
    assert (int(width), int(height)) == (WIDTH, HEIGHT)


def test_vpcc_of_vp9_profile_2_has_ten_bits(tmp_path: Path) -> None:
    stream = Foreign.VP9_PROFILE_2
    path = tmp_path / "a.mp4"
    Muxer(path, Container.MP4, [StreamSpec(stream.value.codec, foreign(stream)[0].data)]).close()
    data = path.read_bytes()
    at = data.index(b"vpcC") + 4
    # VP codec ISO media file format binding: version and flags, profile, level, bits and chroma.
    assert data[at] == 1
    assert data[at + 4] == 2
    assert data[at + 6] >> 4 == 10


def test_h265_in_mp4_is_hvc1_with_its_parameter_sets_in_the_header_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    record(path, Container.MP4, [spec_of("H265")], lasting(video("H265"), 2))
    assert probe(path, "codec_name,codec_tag_string") == "hevc,hvc1"
    data = path.read_bytes()
    at = data.index(b"hvcC") + 4
    # ISO/IEC 14496-15 section 8.3.3.1: three arrays, each of all sets of its type.
    assert data[at + 22 : at + 24] == bytes((3, 0x80 | 32))
    assert complaints(path) == ""


def test_another_profile_begins_another_file() -> None:
    deep, usual = Foreign.VP9_PROFILE_2.value.codec, spec_of("VP9").codec
    webm = Container.WEBM
    assert not Shape(deep, 160, 120).follows(Shape(usual, 160, 120), webm)
    assert Shape(deep, 160, 120).follows(Shape(deep, 160, 120), webm)


@pytest.mark.parametrize("name", ["H264", "H265"])
def test_size_of_h264_and_h265_goes_on_in_one_file_of_matroska_alone(name: str) -> None:
    codec = replace(spec_of("H264").codec, name=name)
    small, large = Shape(codec, 160, 120), Shape(codec, 320, 240)
    assert [each for each in Container if large.follows(small, each)] == [Container.MATROSKA]
