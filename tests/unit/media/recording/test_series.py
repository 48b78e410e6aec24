from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest

from media.recording.containers import Container
from media.recording.errors import DiskFullError, UnwritableError
from media.recording.events import SegmentEnd
from media.recording.segments import FileNames, SegmentRule
from media.recording.series import FileSeries
from tests.support.media.recorded import OPUS, pictures, sounds
from tests.support.media.series_told import Told

if TYPE_CHECKING:
    from media.recording.timeline import PlacedFrame


class Bench:
    """A series in a folder, and what it says."""

    def __init__(self, path: Path, *, rule: SegmentRule | None = None) -> None:
        self.told = Told()
        container = Container.of(path)
        rule = rule or SegmentRule()
        self.series = FileSeries(FileNames(path), container, rule, self.told)

    def write(self, *tracks: Iterable[PlacedFrame]) -> None:
        """All frames by their time, a few at a time."""
        for each in sorted((e for track in tracks for e in track), key=lambda e: e.time):
            self.series.push(each)
            self.series.advance()

    def finish(self) -> list[tuple[str, SegmentEnd]]:
        self.series.finish()
        return self.told.ends


def decoded(path: Path) -> list[tuple[int, int]]:
    """The size of each picture."""
    with av.open(str(path)) as file:
        return [(frame.width, frame.height) for frame in file.decode(video=0)]


def streams(path: Path) -> list[str]:
    with av.open(str(path)) as file:
        return sorted(stream.type for stream in file.streams)


def packets(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for packet in file.demux() if packet.size)


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("VP8", "webm"),
        *(("VP9", suffix) for suffix in ("webm", "mkv", "mp4", "m3u8")),
        *(("AV1", suffix) for suffix in ("webm", "mkv", "mp4", "m3u8")),
        ("H264", "mkv"),
    ],
)
def test_size_that_decoders_take_from_frames_changes_within_the_file(
    tmp_path: Path, codec: str, suffix: str
) -> None:
    bench = Bench(tmp_path / f"out.{suffix}")
    small, large = (160, 120), (320, 240)
    bench.write(pictures(codec, 0, 10, size=small), sounds(0, 100))
    bench.write(pictures(codec, 2, 10, size=large))
    assert bench.finish() == [(f"out.{suffix}", SegmentEnd.STOPPED)]
    assert decoded(tmp_path / f"out.{suffix}") == [small] * 10 + [large] * 10


def test_size_that_a_header_has_begins_the_next_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out.mp4")
    bench.write(pictures("H264", 0, 30), sounds(0, 50))
    bench.write(pictures("H264", 1, 30, size=(128, 96)), sounds(1, 50))
    assert bench.finish() == [
        ("out.mp4", SegmentEnd.CHANGED),
        ("out-2.mp4", SegmentEnd.STOPPED),
    ]
    assert decoded(tmp_path / "out.mp4") == [(64, 48)] * 30
    assert decoded(tmp_path / "out-2.mp4") == [(128, 96)] * 30
    assert streams(tmp_path / "out-2.mp4") == ["audio", "video"]
    assert sum(packets(each) for each in tmp_path.iterdir()) == 60 + 100


def test_codec_that_changes_begins_the_next_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "{n:02}.webm")
    bench.write(pictures("VP8", 0, 30), sounds(0, 50))
    bench.write(pictures("VP9", 1, 30), sounds(1, 50))
    assert bench.finish() == [
        ("01.webm", SegmentEnd.CHANGED),
        ("02.webm", SegmentEnd.STOPPED),
    ]
    with av.open(str(tmp_path / "02.webm")) as file:
        assert file.streams.video[0].codec_context.name in ("vp9", "libvpx-vp9")


def test_change_of_payload_type_alone_changes_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out.mp4")
    bench.write(pictures("H264", 0, 30))
    later = pictures("H264", 1, 30)
    bench.write(
        replace(e, frame=replace(e.frame, ssrc=7, codec=replace(e.frame.codec, payload_type=99)))
        for e in later
    )
    assert bench.finish() == [("out.mp4", SegmentEnd.STOPPED)]
    assert len(decoded(tmp_path / "out.mp4")) == 60


def test_key_frame_that_does_not_say_its_size_changes_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out.mp4")
    bench.write(pictures("H264", 0, 30))
    later = pictures("H264", 1, 30)
    bench.write(replace(e, frame=replace(e.frame, width=None, height=None)) for e in later)
    assert bench.finish() == [("out.mp4", SegmentEnd.STOPPED)]


def test_playlist_and_its_file_are_a_series_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out-{n}.m3u8")
    bench.write(pictures("H264", 0, 60), sounds(0, 100))
    bench.write(pictures("H264", 2, 60, size=(128, 96)), sounds(2, 100))
    assert [name for name, _ in bench.finish()] == ["out-1.m3u8", "out-2.m3u8"]
    assert decoded(tmp_path / "out-1.m3u8") == [(64, 48)] * 60
    assert decoded(tmp_path / "out-2.m3u8") == [(128, 96)] * 60


def test_file_of_sound_ends_when_it_is_long_enough(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out.ogg", rule=SegmentRule(duration=2.0))
    bench.write(sounds(0, 250))
    ends = bench.finish()
    assert [end for _, end in ends] == [SegmentEnd.DURATION] * 2 + [SegmentEnd.STOPPED]
    assert [each.duration for each in bench.told.segments] == [2.0, 2.0, 1.0]


def test_file_of_pictures_ends_at_a_key_frame_which_is_asked_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out.webm", rule=SegmentRule(duration=1.0))
    bench.write(pictures("VP8", 0, 100), sounds(0, 160))
    assert [end for _, end in bench.finish()] == [SegmentEnd.DURATION, SegmentEnd.STOPPED]
    # Key frames are at 0 and at 2 seconds.
    assert bench.told.segments[0].duration == pytest.approx(2.0, abs=0.02)
    assert set(bench.told.wanted) == {0}
    assert len(bench.told.wanted) <= 3
    assert len(decoded(tmp_path / "out.webm")) == 60
    assert len(decoded(tmp_path / "out-2.webm")) == 40


def test_file_whose_pictures_have_ended_ends_nevertheless(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out.webm", rule=SegmentRule(duration=2.0))
    bench.write(pictures("VP8", 0, 30), sounds(0, 50))
    bench.series.end(0)
    bench.write(sounds(1, 500))
    bench.finish()
    assert len(bench.told.segments) >= 2
    assert streams(bench.told.segments[1].path) == ["audio"]


def test_file_ends_by_its_size(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out.ogg", rule=SegmentRule(size=20_000))
    bench.write(sounds(0, 1000))
    assert {end for _, end in bench.finish()[:-1]} == {SegmentEnd.SIZE}
    # What a container keeps back for half a second counts when it is there.
    assert all(15_000 < each.size < 30_000 for each in bench.told.segments[:-1])


def test_sound_that_is_expected_has_its_place_before_it_comes(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out.webm")
    bench.series.expect(1, OPUS)
    bench.write(pictures("VP8", 0, 90), sounds(2, 50))
    assert bench.finish() == [("out.webm", SegmentEnd.STOPPED)]
    with av.open(str(tmp_path / "out.webm")) as file:
        first = next(iter(file.demux(audio=0)))
        assert first.pts is not None
        assert float(first.pts * first.time_base) == pytest.approx(2.0, abs=0.01)


def test_track_that_joins_again_goes_on_in_its_place(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out.webm")
    bench.write(pictures("VP8", 0, 30), sounds(0, 50))
    bench.series.end(0)
    bench.write(sounds(1, 100))
    bench.write(pictures("VP8", 3, 30), sounds(3, 50))
    assert bench.finish() == [("out.webm", SegmentEnd.STOPPED)]
    assert len(decoded(tmp_path / "out.webm")) == 60


def test_second_picture_of_the_next_file_waits_for_its_key_frame(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out.webm")
    bench.write(pictures("VP8", 0, 80, key=0))
    late = pictures("VP8", 3, 80, key=3)
    early = pictures("VP8", 2, 80, key=0)[30:]
    bench.write(late, early)
    assert bench.finish()[0] == ("out.webm", SegmentEnd.TRACKS)
    assert 0 in bench.told.wanted
    with av.open(str(tmp_path / "out-2.webm")) as file:
        assert len(file.streams.video) == 2
        assert sum(1 for _ in file.decode(file.streams.video[0])) == 20


@contextmanager
def file_limit(octets: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("suffix", ["webm", "mkv", "mp4", "ogg"])
def test_full_disk_leaves_a_good_file_and_the_next_one_begins(tmp_path: Path, suffix: str) -> None:
    bench = Bench(tmp_path / f"out.{suffix}")
    with file_limit(100_000):
        bench.write(sounds(0, 400, size=400))
    bench.write(sounds(8, 100, size=400))
    ends = bench.finish()
    assert [end for _, end in ends] == [SegmentEnd.FAILED, SegmentEnd.STOPPED]
    (failure,) = bench.told.failures
    assert isinstance(failure.error, DiskFullError)
    assert not failure.ended
    assert packets(tmp_path / f"out.{suffix}") >= 100_000 // 400 - 60


def test_disk_that_stays_full_ends_the_recording(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out.webm")
    with file_limit(10):
        bench.write(sounds(0, 500))
    assert [type(each.error) for each in bench.told.failures] == [DiskFullError] * 3
    assert [each.ended for each in bench.told.failures] == [False, False, True]
    assert bench.series.over
    bench.finish()


def test_disk_that_has_room_again_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "out.webm").symlink_to("/dev/full")
    bench = Bench(tmp_path / "out.webm")
    bench.write(sounds(0, 500))
    assert bench.finish()[-1] == ("out-2.webm", SegmentEnd.STOPPED)
    assert len(bench.told.failures) == 1
    assert bench.told.segments[-1].duration > 8.0


def test_next_attempt_waits_for_a_second(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "missing" / "out.webm")
    bench.write(sounds(0, 100))
    assert len(bench.told.failures) == 2
    assert not bench.series.over


def test_folder_that_is_not_there_ends_it_after_three_attempts(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "missing" / "out.webm")
    bench.write(sounds(0, 500))
    assert [type(each.error) for each in bench.told.failures] == [UnwritableError] * 3
    assert bench.told.failures[-1].ended
    assert bench.finish() == []


def test_a_file_that_another_recording_writes_is_left_to_it(tmp_path: Path) -> None:
    other, bench = Bench(tmp_path / "out.webm"), Bench(tmp_path / "out.webm")
    other.write(sounds(0, 50))
    bench.write(sounds(0, 150))
    other.write(sounds(1, 50))
    (failure,) = bench.told.failures
    assert str(failure.error).endswith("out.webm: another recording writes it")
    assert bench.finish() == [("out-2.webm", SegmentEnd.STOPPED)]
    assert other.finish() == [("out.webm", SegmentEnd.STOPPED)]
    assert packets(tmp_path / "out.webm") == 100


def test_the_next_file_is_not_written_over_one_that_is_there(tmp_path: Path) -> None:
    before = tmp_path / "out-2.webm"
    before.write_bytes(b"a recording of somebody who is called out-2")
    bench = Bench(tmp_path / "out.webm", rule=SegmentRule(duration=1.0))
    bench.write(sounds(0, 75))
    assert [name for name, _ in bench.finish()] == ["out.webm", "out-3.webm"]
    assert before.read_bytes() == b"a recording of somebody who is called out-2"


def test_one_name_may_be_recorded_as_a_file_and_as_a_playlist(tmp_path: Path) -> None:
    file, playlist = Bench(tmp_path / "out.mp4"), Bench(tmp_path / "out.m3u8")
    for bench in (file, playlist):
        bench.write(sounds(0, 100))
    assert file.finish() == [("out.mp4", SegmentEnd.STOPPED)]
    assert playlist.finish() == [("out.m3u8", SegmentEnd.STOPPED)]
    assert packets(tmp_path / "out.mp4") == packets(tmp_path / "out.m3u8") == 100


def test_hls_has_a_key_frame_requested_where_none_has_come_for_four_seconds(tmp_path: Path) -> None:
    wanted = {}
    for suffix in ("m3u8", "mp4"):
        bench = Bench(tmp_path / f"out.{suffix}")
        first, *others = pictures("H264", 0, 180)
        rare = [replace(p, frame=replace(p.frame, keyframe=False)) for p in others]
        bench.write([first, *rare], sounds(0, 300))
        bench.finish()
        wanted[suffix] = bench.told.wanted
    # At four seconds, and again at five: a peer may have missed it.
    assert wanted == {"m3u8": [0, 0], "mp4": []}
